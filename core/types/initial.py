"""Start values of parts."""

import torch
from torch import Generator, Tensor

from multigraft.core.types.part import Initial


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
