"""Passes over other pairs of a segment's texts and media; nothing is encoded or read from a device for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.model.prompt_rows import RowTokens
from multigraft.core.model.prompting import Prompts
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.need import View
from multigraft.core.types.row_choice import RowChoice

if TYPE_CHECKING:
    from multigraft.core.model.batch_passes import BatchPasses


def pair_passes(passes: "BatchPasses", view: View, rows: RowChoice, texts: Tensor, media: Tensor) -> Passes:
    """Passes over pairs of a segment's rows.

    Args:
        rows: the segment.
        texts: the row whose text a pair has, `(pairs,)`, numbered in the segment.
        media: the row whose media it has, `(pairs,)`.

    Raises:
        MultigraftError: some of the rows have media of a kind that others have not, or the loss goes in lockstep.
    """
    if passes.closed:
        raise MultigraftError("a loss that pairs texts and media anew cannot be used with `train.shard`")
    segment, pairs, own = rows.segments[0], len(texts), passes.texts(view, rows)
    bounds = [0]
    for each in passes.batch.segments:
        bounds.append(bounds[-1] + (pairs if each == segment else 0))
    chosen = RowChoice((replace(segment, start=0, stop=pairs),), pairs)
    kinds = _paired(passes.media(view.values).of(rows), rows, media) if view.media else []
    prompts = Prompts(passes.trunk.prompts, _PairedMedia(kinds), chosen)
    return Passes(
        passes.backbone,
        Texts(own.ids[texts], own.mask[texts], own.targets[texts]),
        passes.values.at_sites(view.values).select(bounds),
        prompts.inserts(chosen, view.media),
        checkpoint=passes.trunk.checkpointing,
        split=passes.split(view),
    )


@dataclass(frozen=True)
class _PairedMedia:
    """The encoded media of pairs."""

    kinds: Sequence[RowTokens]

    def of(self, rows: RowChoice) -> Sequence[RowTokens]:
        """Of all pairs."""
        return self.kinds


def _paired(kinds: Sequence[RowTokens], rows: RowChoice, media: Tensor) -> list[RowTokens]:
    found = []
    for kind in kinds:
        if len(kind.numbers) < rows.count:
            raise MultigraftError(
                f"task {rows.segments[0].task!r}: some of its rows have media of kind {kind.media.kind!r} and others "
                "have not, so their media cannot be exchanged"
            )
        found.append(RowTokens(tuple(range(len(media))), kind.media.of(lambda x: x[media])))
    return found
