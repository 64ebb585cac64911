"""Start values of parts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True)
class OfWeight:
    """A start value that is made of the own weight of the part's site, as a DoRA's magnitudes are.

    A part that starts so is one tensor at one site, and no hypernetwork makes it.
    """

    make: Callable[[Tensor], Tensor]

    def bound(self, weight: Callable[[], Tensor]) -> Initial:
        """The start value at a site, whose weight is read when it is first asked for."""
        return _Bound(self.make, weight)

    def __call__(self, shape: tuple[int, ...], generator: Generator) -> Tensor:
        """Nothing can be drawn.

        Raises:
            RuntimeError: always; it must be bound to a site.
        """
        raise RuntimeError("a start value made of a site's weight has none without the site")


@dataclass(frozen=True)
class _Bound:
    make: Callable[[Tensor], Tensor]
    weight: Callable[[], Tensor]

    @cached_property
    def value(self) -> Tensor:
        """Made once: a trunk that is trained in place moves on."""
        return self.make(self.weight().detach().cpu().float()).float()

    def __call__(self, shape: tuple[int, ...], generator: Generator) -> Tensor:
        return self.value.clone()


def of_weight(make: Callable[[Tensor], Tensor]) -> Initial:
    """`make` of the site's weight: `(width_out, width_in)` at a projection, `(width,)` at a norm."""
    return OfWeight(make)
