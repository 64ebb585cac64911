"""The encoded media of other pairs of a segment's rows; nothing is encoded or read from a device for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.model.prompt_rows import RowTokens

if TYPE_CHECKING:
    from multigraft.core.types.row_choice import RowChoice


@dataclass(frozen=True)
class PairedMedia:
    """The encoded media of pairs."""

    kinds: Sequence[RowTokens]

    def of(self, rows: "RowChoice") -> Sequence[RowTokens]:
        """Of all pairs."""
        return self.kinds


def paired(kinds: Sequence[RowTokens], rows: "RowChoice", media: Tensor) -> list[RowTokens]:
    """The media of rows of a segment, `(pairs,)` by number.

    Raises:
        MultigraftError: some of the rows have media of a kind that others have not.
    """
    found = []
    for kind in kinds:
        if len(kind.numbers) < rows.count:
            raise MultigraftError(
                f"task {rows.segments[0].task!r}: some of its rows have media of kind {kind.media.kind!r} and others "
                "have not, so their media cannot be exchanged"
            )
        found.append(RowTokens(tuple(range(len(media))), kind.media.of(lambda x: x[media])))
    return found
