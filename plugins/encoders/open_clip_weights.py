"""The picture tower of an open_clip model with the weights that a recipe names."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.model import resize_pos_embed
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model
from open_clip.transform import PreprocessCfg
from torch import nn

from multigraft import MultigraftError, OptionError, did_you_mean, weight_source
from multigraft.plugins.encoders.checkpoint import read_state_dict
from multigraft.plugins.encoders.options import OPEN_CLIP_SCHEMES, OpenClipOptions
from multigraft.plugins.encoders.seeded import building_on_meta, seeded_by
from multigraft.plugins.pretrained.form import check_form, pick_file
from multigraft.plugins.pretrained.hub import Snapshot, fetch

_OPENAI_KEYS = {"input_resolution", "context_length", "vocab_size"}
"""Entries that only OpenAI's own CLIP checkpoints have; those were trained with the quick GELU."""
_SAFE = ("open_clip_model.safetensors",)
_PICKLED = ("open_clip_pytorch_model.bin",)
_CONFIG = "open_clip_config.json"
_NO_TEXT = {"layers": 1, "width": 64, "heads": 1, "vocab_size": 1}
"""The text side is not needed: built as small as can be."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tower:
    """A picture tower and what is known about it."""

    module: nn.Module
    size: int
    """Side of a picture in pixels."""
    activation: str
    origin: str
    """Where its weights came from, in a recipe's words."""
    picture: dict[str, Any]
    """`mean`, `std`, `interpolation` and `resize_mode`, as open_clip writes them."""


def load_tower(options: OpenClipOptions) -> Tower:
    """The picture tower with its weights; without them on the meta device.

    Raises:
        MultigraftError: unknown model or tag, an unreadable file, or weights that do not fit the model.
    """
    models = open_clip.list_models()
    if options.model not in models:
        raise OptionError(
            ("model",), f"encoder open-clip: unknown model {options.model!r}", did_you_mean(options.model, models)
        )
    source = weight_source(options.weights, OPEN_CLIP_SCHEMES)
    if source.scheme == "tag":
        return _from_tag(options, source.value)
    if source.scheme == "path":
        check_form(Path(source.value), str(options.weights), options.allow_pickle_weights)
    if source.scheme == "path" and not building_on_meta():
        return _from_file(options, Path(source.value).expanduser())
    if source.scheme == "hub" and not building_on_meta():
        return _from_hub(options, source.value)
    return _untrained(options, quick=False, picture=_agreed_picture(options.model))


def _untrained(options: OpenClipOptions, quick: bool, picture: dict[str, Any]) -> Tower:
    """A tower with random weights. `quick` says whether the quick GELU is wanted, if the recipe does not say it."""
    with seeded_by(options.model), _without_warning_of_random_weights():
        return _create(options, quick, picture, text_cfg=_NO_TEXT, pretrained_text=False)


def _from_tag(options: OpenClipOptions, tag: str) -> Tower:
    tags = list_pretrained_tags_by_model(options.model)
    if tag not in tags:
        raise OptionError(
            ("weights",), f"encoder open-clip: {options.model} has no weights `tag:{tag}`", did_you_mean(tag, tags)
        )
    config = get_pretrained_cfg(options.model, tag)
    quick = config.get("quick_gelu", False)
    if building_on_meta():
        return _untrained(options, quick, config)
    repository = str(config.get("hf_hub", "")).rpartition("/")[0]
    if not repository and not options.allow_pickle_weights:
        check_form(Path(str(config.get("url", ""))), str(options.weights), allow_pickle=False)
    try:
        if not repository:
            return _create(options, quick, config, pretrained=tag)
        snapshot, file = _fetched(options, repository)
        return replace(_create(options, quick, config, pretrained=str(file)), origin=snapshot.origin)
    except MultigraftError:
        raise
    except Exception as error:  # network, hub and file errors of several libraries
        raise MultigraftError(
            f"encoder open-clip: the weights {options.model} `tag:{tag}` could not be fetched ({error}); "
            "use `path:FILE` without a network"
        ) from error


def _from_hub(options: OpenClipOptions, value: str) -> Tower:
    snapshot, file = _fetched(options, value)
    return replace(_from_file(options, file), origin=snapshot.origin)


def _fetched(options: OpenClipOptions, value: str) -> tuple[Snapshot, Path]:
    """A repository's weights for open_clip, with the config beside them."""
    pickled = _PICKLED if options.allow_pickle_weights else ()
    snapshot = fetch(value, (_CONFIG, *_SAFE, *pickled))
    source = str(options.weights)
    return snapshot, pick_file(snapshot.folder, _SAFE, _PICKLED, source, options.allow_pickle_weights)


def _from_file(options: OpenClipOptions, path: Path) -> Tower:
    state = read_state_dict(path)
    said = _companion(path)
    quick = bool(_OPENAI_KEYS & state.keys()) or said.get("model_cfg", {}).get("quick_gelu", False)
    if quick and options.activation is None:
        _log.info("%s was trained with the quick GELU: %s is built with it", path, options.model)
    tower = _untrained(options, quick, said.get("preprocess_cfg") or _agreed_picture(options.model))
    visual = {name: value.float() for name, value in state.items() if name.startswith("visual.")}
    holder = nn.Module()
    holder.visual = tower.module
    try:
        resize_pos_embed(visual, holder)
        holder.load_state_dict(visual)
    except (RuntimeError, KeyError) as error:
        raise MultigraftError(f"encoder open-clip: {path} does not fit {options.model}: {error}") from error
    return tower


def _create(options: OpenClipOptions, quick: bool, picture: dict[str, Any], **arguments: Any) -> Tower:
    quick = quick or open_clip.get_model_config(options.model).get("quick_gelu", False)
    if options.activation is not None:
        quick = options.activation == "quick-gelu"
    model = open_clip.create_model(
        options.model,
        device=torch.get_default_device(),
        force_image_size=options.size,
        force_quick_gelu=quick,
        quick_gelu=quick,
        **arguments,
    )
    visual = model.visual
    size = visual.image_size
    return Tower(
        module=visual,
        size=size if isinstance(size, int) else size[0],
        activation="quick-gelu" if quick else "gelu",
        origin=str(options.weights),
        picture={**asdict(PreprocessCfg()), **picture},
    )


def _companion(path: Path) -> dict[str, Any]:
    """The `open_clip_config.json` that open_clip writes beside weights, if it is there."""
    config = path.with_name(_CONFIG)
    if not config.is_file():
        return {}
    try:
        return dict(json.loads(config.read_text()))
    except ValueError as error:
        raise MultigraftError(f"encoder open-clip: {config} is not a JSON object ({error})") from error


def _agreed_picture(model: str) -> dict[str, Any]:
    """How all pretrained weights of a model want their pictures; nothing where they differ."""
    keys = ("mean", "std", "interpolation", "resize_mode")
    wishes = [get_pretrained_cfg(model, tag) for tag in list_pretrained_tags_by_model(model)]
    pictures = [{key: wish[key] for key in keys if key in wish} for wish in wishes]
    return pictures[0] if pictures and all(picture == pictures[0] for picture in pictures) else {}


@contextmanager
def _without_warning_of_random_weights() -> Iterator[None]:
    """open_clip warns on the root logger; the recipe said so, or the weights come next."""

    def wanted(record: logging.LogRecord) -> bool:
        return "initialized randomly" not in record.getMessage()

    logging.getLogger().addFilter(wanted)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(wanted)
