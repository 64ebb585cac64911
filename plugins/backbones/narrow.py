"""Narrow copies of a model's stacks on the meta device, for side networks."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from multigraft import Initial, MultigraftError
from multigraft.init import normal, ones, zeros


def narrow_model(model: Any, fields: Mapping[str, int]) -> Any:
    """A model of the same class whose config has other numbers."""
    config = deepcopy(model.config)
    for name, value in fields.items():
        setattr(config, name, value)
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        config.layer_types = kinds[: config.num_hidden_layers]
    with torch.device("meta"):
        made: nn.Module = type(model)(config)
    return made.eval()


def share_of(value: int, width: int, whole: int, least: int = 1) -> int:
    """A width inside a layer, narrower by as much as `width` is than `whole`; rounded down to a multiple of `least`."""
    return max(least, value * width // whole // least * least)


def even_heads(width: int, heads: int) -> int:
    """The width, if the heads of an attention can share it.

    Raises:
        MultigraftError: they cannot.
    """
    if width % heads:
        raise MultigraftError(f"the {heads} heads of this backbone's attentions cannot share the width {width}")
    return width


def start_of(std: float) -> Callable[[str, Tensor], Initial]:
    """Gaussian matrices, norms of one and biases of zero, as BERT and its descendants start."""

    def initial(name: str, value: Tensor) -> Initial:
        if value.dim() > 1:
            return normal(std)
        return zeros if name.endswith("bias") else ones

    return initial


def without(module: Any, *names: str) -> Any:
    """The module, rid of those of its modules."""
    for name in names:
        delattr(module, name)
    return module
