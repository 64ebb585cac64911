"""A row: a sample whose texts are tokens, before it joins others in a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from multigraft.core.types.sample import Sample

TEXT, TARGET = "text", "target"
"""Names of the text that goes in and of the one that should come out."""


@dataclass(frozen=True)
class TextRow:
    """One text of a row."""

    ids: Tensor
    """`(tokens,)`."""
    labels: Tensor | None = None
    """`(tokens,)`, what is to be predicted at each token, `IGNORED` where nothing is; None for a text that is only
    read."""


@dataclass(frozen=True)
class Row:
    """A sample with its texts as tokens."""

    sample: "Sample"
    texts: Mapping[str, TextRow]
    """`TEXT`, `TARGET` and what objectives add, by name."""
    cut: frozenset[str] = frozenset()
    """What of its texts a limit has cut: `context`, `choices`, `question`, `target`."""

    @property
    def task(self) -> str:
        """The task that it is of."""
        return self.sample.task

    @property
    def weight(self) -> float:
        """Of the sample in its task's loss."""
        return self.sample.example.weight

    @property
    def media_name(self) -> str:
        """Equal for rows about the same media, which are no negatives of each other."""
        home = self.sample.media_home or self.sample.origin
        return "\x1f".join([home, *self.sample.annotation.media, str(self.sample.annotation.span)])

    def with_text(self, name: str, text: TextRow) -> "Row":
        """The same with one text more, or with another one of this name."""
        return replace(self, texts={**self.texts, name: text})
