"""Parts: the named tensors that an adapter variant declares for a site, and how they start."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

Initial = Callable[[tuple[int, ...], Generator], Tensor]
"""Makes the start value of a part from its shape and a seeded generator."""


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


def zeros(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """All zero."""
    return torch.zeros(shape)


def ones(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """All one."""
    return torch.ones(shape)


def normal(std: float, mean: float = 0.0) -> Initial:
    """Gaussian with the given standard deviation."""
    return lambda shape, generator: torch.randn(shape, generator=generator) * std + mean


def uniform(bound: float) -> Initial:
    """Uniform in [-bound, bound]."""
    return lambda shape, generator: (torch.rand(shape, generator=generator) * 2 - 1) * bound


def copy_of(value: Tensor) -> Initial:
    """The given tensor, such as a trunk tensor that an overlay starts from."""
    return lambda shape, generator: value.detach().clone().float().reshape(shape)
