"""What the encoders give for the rows of a segment, as objectives read it."""

from collections.abc import Sequence

from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.model.prompt_rows import RowTokens, side_by_side
from multigraft.core.types.tokens import Tokens


def media_states(kinds: Sequence[RowTokens], rows: int) -> Tokens:
    """All tokens of each row's media, `(rows, tokens, width)`, and their mask.

    Raises:
        MultigraftError: no row has media.
    """
    if not kinds:
        raise MultigraftError("an objective reads the encoder's tokens, and no row has media")
    flat = []
    for kind in kinds:
        flat.append((kind.numbers, Tokens(kind.media.tokens.flatten(1, 2), kind.media.real.flatten(1, 2))))
    return side_by_side(flat, rows)


def media_summary(kinds: Sequence[RowTokens], rows: int) -> Tensor:
    """One vector a row, `(rows, width)`: the mean over its items of their class tokens, or of all their tokens.

    Raises:
        MultigraftError: no row has media.
    """
    if not kinds:
        raise MultigraftError("an objective reads the encoder's tokens, and no row has media")
    vectors = [(kind.numbers, Tokens(_summaries(kind), kind.media.mask)) for kind in kinds]
    items = side_by_side(vectors, rows)
    real = items.real[..., None].to(items.states.dtype)
    return (items.states * real).sum(1) / real.sum(1).clamp(min=1)


def _summaries(kind: RowTokens) -> Tensor:
    """One vector an item, `(rows, items, width)`."""
    layout, tokens = kind.media.layout, kind.media.tokens
    if layout is not None and layout.front:
        return tokens[:, :, 0]
    real = kind.media.real[..., None].to(tokens.dtype)
    return (tokens * real).sum(2) / real.sum(2).clamp(min=1)
