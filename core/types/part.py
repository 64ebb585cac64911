"""Parts: the named tensors that an adapter variant declares for a site."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor

Initial = Callable[[tuple[int, ...], Generator], Tensor]
"""Makes the start value of a part from its shape and a seeded generator."""


Scope = Literal["site", "layer", "stack", "model"]
"""Over which of a method's sites a part is one tensor, from narrow to wide."""


@dataclass(frozen=True)
class Part:
    """A tensor of an adapter: its name within the method, its shape and its start value.

    A part with `trained=False` is a frozen random tensor: made again from (seed, owner, name) when a graft is loaded,
    never saved; its hash is.
    """

    name: str
    shape: tuple[int, ...]
    initial: Initial
    trained: bool = True
    scope: Scope = "site"
    """Over which of the method's sites it is one tensor; a recipe or a sharing rule may widen it."""
    owner: str | None = None
    """A task scope of its own, which the sharing rule leaves alone."""
