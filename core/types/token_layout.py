"""Which of an item's tokens form a grid."""

from dataclasses import dataclass
from math import isqrt


@dataclass(frozen=True)
class TokenLayout:
    """How an encoder arranges the tokens of one item: `front` tokens, then a grid row by row, or a plain sequence.

    Raises:
        ValueError: the grid has more or fewer cells than there are tokens behind `front`.
    """

    tokens: int
    """All tokens of an item, at most."""
    front: int = 0
    """Class and register tokens in front; they look at the whole item and are no part of the grid."""
    grid: tuple[int, int] | None = None
    """Rows and columns of the tokens behind `front`; None where they form no grid."""

    def __post_init__(self) -> None:
        cells = self.tokens - self.front
        if cells < 0 or (self.grid is not None and self.grid[0] * self.grid[1] != cells):
            raise ValueError(f"{self.tokens} tokens, {self.front} of them in front, do not make a grid of {self.grid}")

    @staticmethod
    def unsaid(tokens: int) -> "TokenLayout":
        """For an encoder that says nothing: no class token, and a grid where the number of tokens is a square."""
        side = isqrt(tokens)
        return TokenLayout(tokens, grid=(side, side) if side * side == tokens else None)
