"""What the stacks of a backbone read for some rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class StackInput:
    """Tokens that a stack reads."""

    ids: Tensor
    """`(rows, tokens)`."""
    mask: Tensor | None
    """`(rows, tokens)`, True at real tokens; None where all are, or where those that are not stand last and unread."""
    positions: Tensor
    """`(rows or 1, tokens)`, places in the text, from 0."""


@dataclass(frozen=True)
class Arranged:
    """The input of each stack that reads text or targets, by its name."""

    inputs: Mapping[str, StackInput]
    places: Tensor | None = None
    """`(rows, target tokens)`: the token of the predicting stack whose state predicts each target token. None where
    the backbone predicts none."""
