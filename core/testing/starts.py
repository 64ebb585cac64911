"""Whether the start values of a module's parameters are numbers of their shapes, from the generator alone."""

from collections.abc import Callable, Iterator

import torch
from torch import nn

from multigraft.core.types.part import Initial


def wrong_starts(module: nn.Module, initial: Callable[[str], Initial]) -> Iterator[str]:
    """A line for each parameter that starts otherwise."""
    for name, parameter in module.named_parameters():
        first, again = (initial(name)(tuple(parameter.shape), torch.Generator().manual_seed(3)) for _ in range(2))
        if first.shape != parameter.shape or not first.isfinite().all():
            yield f"the start value of {name} is not finite numbers of its shape {tuple(parameter.shape)}"
        elif not torch.equal(first, again):
            yield f"the start value of {name} does not come from the generator alone"
