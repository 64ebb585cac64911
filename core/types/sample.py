"""A sample: one annotation with its decoded media, and what its task makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from multigraft.core.types.pieces import Piece, joined

if TYPE_CHECKING:
    from multigraft.core.types.annotation import Annotation, ScoredAnswer
    from multigraft.core.types.media import Media


@dataclass(frozen=True)
class TextPair:
    """What a task makes of an annotation: the text that goes in and the text that should come out."""

    text: str
    target: str
    weight: float = 1.0
    choices: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = field(default=(), compare=False)
    """The text in pieces, which says what goes first if it is too long; a text without them is all question."""
    answers: "tuple[ScoredAnswer, ...]" = field(default=(), compare=False)
    """All that is right, with soft scores, where the task has such; `target` is one of them."""

    @classmethod
    def of(cls, pieces: Sequence[Piece], target: str, weight: float = 1.0, choices: tuple[str, ...] = ()) -> "TextPair":
        """The pair whose text is these pieces."""
        return cls(joined(pieces), target, weight, choices, tuple(pieces))

    @property
    def parts(self) -> tuple[Piece, ...]:
        """The pieces of the text; all of it is the question where it was replaced without them."""
        return self.pieces if joined(self.pieces) == self.text else (Piece("question", self.text),)

    def with_prefix(self, prefix: str) -> "TextPair":
        """The same with a text in front that is never cut."""
        return replace(self, text=prefix + self.text, pieces=(Piece("prefix", prefix), *self.parts))


@dataclass(frozen=True)
class Sample:
    """One decoded sample of the stream."""

    task: str
    annotation: "Annotation"
    example: TextPair
    media: "tuple[Media, ...]"
    origin: str
    """`SHARD#KEY`."""
    graft: str = ""
    """Which of several grafts it goes through."""
    epoch: int | None = None
    """How often training has read it before; None in evaluation."""
    place: int = 0
    """Its number in the global batch."""
    media_home: str = ""
    """Tells its media from others of the same names, where they lie apart from its record."""
