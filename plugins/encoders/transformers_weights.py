"""A vision tower of transformers with the weights that a recipe names."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multigraft import MultigraftError, OptionError, weight_source
from multigraft.plugins.backbones import loading, places
from multigraft.plugins.encoders.options import TRANSFORMERS_SCHEMES, TransformersOptions
from multigraft.plugins.encoders.seeded import building_on_meta
from multigraft.plugins.encoders.transformers_families import FAMILIES, Family
from multigraft.plugins.encoders.transformers_picture import Picture, read_picture

_TEXT_ALONE = ("clip_text_model", "siglip_text_model")
_SINGLE = "`siglip2` is NaFlex, for pictures of any shape; SigLIP 2 of a fixed size is a `siglip`"


@dataclass(frozen=True)
class Said:
    """What a recipe says of the weights, for `loading`."""

    weights: str
    allow_pickle_weights: bool
    architecture: dict[str, Any] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Loaded:
    """A model, what it is and what it wants of pictures."""

    model: Any
    family: Family
    picture: Picture
    origin: str


def load(options: TransformersOptions) -> Loaded:
    """The model of a recipe, with a projection where it is wanted; on the meta device no weights are read.

    Raises:
        MultigraftError: no such weights, another model's, no vision tower, or a tower that reads no square pictures.
    """
    source = weight_source(options.weights, TRANSFORMERS_SCHEMES)
    said = Said(str(options.weights), options.allow_pickle_weights, dict(options.architecture))
    described = options.model and options.size and options.architecture
    if source.scheme == "random" or (building_on_meta() and described):
        family = FAMILIES[str(options.model)]
        return _loaded(options, said, family, family.picture)
    folder = (places.with_weights(said)[0] if source.scheme == "path" else places.find_place(said.weights)).folder
    config = _read_config(folder, said.weights)
    family = _family(config, options)
    if options.output == "projected" and "projection_dim" in config:
        said.architecture.setdefault("projection_dim", config["projection_dim"])
    return _loaded(options, said, family, read_picture(folder, family.picture, said.weights))


def _loaded(options: TransformersOptions, said: Said, family: Family, picture: Picture) -> Loaded:
    import transformers

    name = family.projected if options.output == "projected" else family.model
    if name is None:
        message = f"encoder transformers: a {family.types[0]} compares no pictures with texts and has no projection"
        raise OptionError(("output",), message, "its class token stands in front of the grid")
    model_class, config_class = getattr(transformers, name), getattr(transformers, family.config)
    spare = family.spare._replace(lacking=()) if options.output == "projected" else family.spare
    try:
        loaded = loading.load_dense(said, model_class, config_class, spare)
    except MultigraftError:
        raise
    except Exception as error:  # a config's own checks, and those of the modules that are made of it
        place = "architecture" if options.architecture else "weights"
        raise OptionError((place,), f"encoder transformers: no {family.config} can be of this ({error})") from None
    _check(loaded.model.config)
    if options.output == "projected" and not getattr(loaded.model.config, "vision_use_head", True):
        raise OptionError(("output",), f"weights {said.weights} have no pooling", "leave `output` out")
    return Loaded(loaded.model, family, picture, loaded.origin)


def _read_config(folder: Path, weights: str) -> dict[str, Any]:
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(("weights",), f"weights {weights}: no readable {file.name} ({error})") from None
    return dict(config) if isinstance(config, dict) else {}


def _family(config: dict[str, Any], options: TransformersOptions) -> Family:
    """The family of a folder's model, which is the recipe's if that says one."""
    kind = config.get("model_type")
    name = next((name for name, family in FAMILIES.items() if kind in family.types), None)
    if name is None:
        what = "a text side alone" if kind in _TEXT_ALONE else f"no vision tower that can be read (type {kind!r})"
        hint = _SINGLE if kind == "siglip2" else f"readable are {', '.join(FAMILIES)}"
        raise OptionError(("weights",), f"weights {options.weights} are {what}", hint)
    if options.model not in (None, name):
        raise OptionError(("model",), f"weights {options.weights} are a {name}, and no {options.model}")
    return FAMILIES[name]


def _check(config: Any) -> None:
    for name, wanted in (("image_size", int), ("patch_size", int)):
        if not isinstance(getattr(config, name), wanted):
            raise OptionError(("architecture", name), f"`{name}: {getattr(config, name)}` is no square's side")
    if config.num_channels != 3:
        raise OptionError(("architecture", "num_channels"), "pictures have 3 channels")
