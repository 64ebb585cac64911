"""Where on the hub the weights of a timm model lie, and what is written beside them."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import timm
from timm.models import PretrainedCfg
from torch import Tensor

from multigraft import OptionError, did_you_mean
from multigraft.plugins.encoders.checkpoint import read_state_dict
from multigraft.plugins.encoders.options import TimmOptions
from multigraft.plugins.pretrained.form import pick_file
from multigraft.plugins.pretrained.hub import fetch

_SAFE = ("model.safetensors", "open_clip_model.safetensors")
_PICKLED = ("pytorch_model.bin", "open_clip_pytorch_model.bin")
_CONFIG = "config.json"


class HubWeights(NamedTuple):
    """Weights of a repository."""

    state: dict[str, Tensor]
    picture: dict[str, Any]
    """What its `config.json` says of the pictures, under timm's names."""
    origin: str


def repository(model: str, value: str) -> str:
    """`NAME@REVISION` of a repository; a pretrained tag or `default` stands for timm's own.

    Raises:
        OptionError: timm knows no such tag, or none of the hub.
    """
    name, at, revision = value.partition("@")
    if "/" in name:
        return value
    architecture = model.partition(".")[0]
    tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{architecture}.*")]
    if name != "default" and name not in tags:
        hint = did_you_mean(name, ["default", *tags])
        raise OptionError(("weights",), f"encoder timm: {model} has no weights `hub:{name}`", hint)
    config = timm.get_pretrained_cfg(model if name == "default" else f"{architecture}.{name}")
    if config is None or not config.hf_hub_id:
        raise OptionError(("weights",), f"encoder timm: {model} has no weights `hub:{name}`", "use `path:FILE`")
    return f"{config.hf_hub_id}{at}{revision}"


def read_hub(options: TimmOptions, value: str) -> HubWeights:
    """Fetch and read.

    Raises:
        MultigraftError: they cannot be fetched or read, are pickled, or are another model's.
    """
    pickled = _PICKLED if options.allow_pickle_weights else ()
    snapshot = fetch(repository(options.model, value), (_CONFIG, *_SAFE, *pickled))
    file = pick_file(snapshot.folder, _SAFE, _PICKLED, f"hub:{value}", options.allow_pickle_weights)
    return HubWeights(read_state_dict(file), _picture(snapshot.folder / _CONFIG, options.model), snapshot.origin)


def _picture(config: Path, model: str) -> dict[str, Any]:
    try:
        said = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    except ValueError as error:
        raise OptionError(("weights",), f"encoder timm: {config} is not JSON ({error})") from None
    architecture = said.get("architecture", model) if isinstance(said, dict) else model
    if architecture.partition(".")[0] != model.partition(".")[0]:
        raise OptionError(("model",), f"encoder timm: the weights are those of {architecture}, not of {model}")
    pretrained = said.get("pretrained_cfg", said)
    wanted = {"mean", "std", "interpolation", "crop_mode", "crop_pct"} & {each.name for each in fields(PretrainedCfg)}
    return {name: pretrained[name] for name in wanted if name in pretrained}
