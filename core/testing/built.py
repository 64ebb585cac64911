"""What is looked at in every frozen part that is built on the meta device."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from multigraft.core.options.base import Options
from multigraft.core.types.site import Site

_SMALL = 2_000_000
"""Parameters of a part that is computed in numbers too."""


def without_weights(options: Options) -> Options:
    """The options with weights that need no file, where they name none: on the meta device none are read."""
    if "weights" in type(options).model_fields and getattr(options, "weights", None) is None:
        return options.model_copy(update={"weights": "random"})
    return options


def is_small(module: nn.Module, options: Options) -> bool:
    """Whether a part has random weights, and few of them."""
    few = sum(parameter.numel() for parameter in module.parameters()) <= _SMALL
    return few and getattr(options, "weights", "random") == "random"


def loaded(module: nn.Module) -> Iterator[str]:
    """Parameters that are no meta tensors."""
    held = [name for name, parameter in module.named_parameters() if not parameter.is_meta]
    if held:
        yield f"on the meta device it loads weights all the same: {', '.join(held[:3])}"


def wrong_sites(sites: tuple[Site, ...], model: nn.Module | None) -> Iterator[str]:
    """Names that repeat, and modules that are not there."""
    for name, times in Counter(site.name for site in sites).items():
        if times > 1:
            yield f"it has {times} sites of the name {name}"
    paths = dict(model.named_modules()) if model is not None else None
    lost = [site.module for site in sites if paths is not None and site.module not in paths]
    if lost:
        yield f"its model has no module {lost[0]!r}, which a site names"


def told(value: Any) -> str:
    """Shape and dtype of a tensor, or what it is instead."""
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
