"""An input text in pieces, so that what is too long loses what matters least."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

PieceKind = Literal["prefix", "context", "question", "choice"]


@dataclass(frozen=True)
class Piece:
    """A stretch of an input text."""

    kind: PieceKind
    text: str
    lead: str = ""
    """What joins it to the text before it, such as ` choices: `; it goes when the piece goes."""


def joined(pieces: Iterable[Piece]) -> str:
    """The text of pieces."""
    return "".join(piece.lead + piece.text for piece in pieces)
