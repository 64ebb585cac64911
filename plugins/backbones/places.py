"""Where the files of a transformers model are: a folder, a hub's repository, or a GGUF file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from multigraft import OptionError, weight_source
from multigraft.plugins.pretrained import gguf_file
from multigraft.plugins.pretrained.form import check_form
from multigraft.plugins.pretrained.hub import fetch
from multigraft.plugins.pretrained.in_package import in_package

_TEXTS = ("*.json", "*.txt", "*.model")
"""Config, index of weights, tokenizer."""
_SAFE = ("model.safetensors", "model-*.safetensors")
_PICKLED = ("pytorch_model.bin", "pytorch_model-*.bin")


class Named(Protocol):
    """What says where weights are."""

    @property
    def weights(self) -> str:
        """`hub:NAME@REVISION`, `path:DIR`, `path:FILE.gguf` or `package:NAME`."""

    @property
    def allow_pickle_weights(self) -> bool:
        """Whether they may be pickled."""


class Place(NamedTuple):
    """Files of a model, and what a recipe says to get exactly these."""

    folder: Path
    origin: str
    gguf: str | None = None
    """Name of the one file in the folder that counts, if it is such a one."""

    @property
    def reading(self) -> dict[str, Any]:
        """What `from_pretrained` of the folder is told beside."""
        return {} if self.gguf is None else {"gguf_file": self.gguf}


def find_place(weights: str, files: Sequence[str] = ()) -> Place:
    """The folder of `path:DIR`, the files of `hub:NAME@REVISION` that are no weights, and some more, or the file of
    `path:FILE.gguf`, or what an installed package has, `package:NAME`.

    Raises:
        OptionError: there is no such folder or file, or the files cannot be fetched.
    """
    source = weight_source(weights, ("hub", "path", "package"))
    if source.scheme == "hub":
        snapshot = fetch(source.value, (*_TEXTS, *files))
        return Place(snapshot.folder, snapshot.origin)
    path = in_package(source.value) if source.scheme == "package" else Path(source.value)
    if path.name.endswith(gguf_file.ENDING):
        return Place(path.parent, weights, path.name)
    if not path.is_dir():
        raise OptionError(("weights",), f"there is no folder {path}")
    return Place(path, weights)


def config_of(place: Place) -> dict[str, Any]:
    """The model's config.

    Raises:
        OptionError: a GGUF file cannot be read.
        OSError: there is none.
        ValueError: it is damaged.
    """
    if place.gguf is not None:
        return gguf_file.read_config(place.folder / place.gguf, place.origin)
    from transformers import PreTrainedConfig

    found, _ = PreTrainedConfig.get_config_dict(place.folder)
    return found  # type: ignore[no-any-return]


def make_config(place: Place, config_class: Any, changes: Mapping[str, Any]) -> Any:
    """The model's config with other values of some fields.

    Raises:
        OptionError: a GGUF file cannot be read.
        OSError: there is no config.
        ValueError: it is damaged.
    """
    if place.gguf is not None:
        return config_class.from_dict(config_of(place), **changes)
    return config_class.from_pretrained(place.folder, **changes)


def with_weights(named: Named) -> tuple[Place, bool]:
    """The place with its weights, and whether they are safetensors or GGUF.

    Raises:
        OptionError: there are only pickled ones, and the recipe does not allow them.
    """
    place = find_place(named.weights, _SAFE)
    if place.gguf is not None or _has(place.folder, _SAFE):
        return place, True
    if named.allow_pickle_weights:
        return find_place(named.weights, _PICKLED), False
    pickled = next((file for pattern in _PICKLED for file in sorted(place.folder.glob(pattern))), None)
    check_form(pickled or place.folder / _PICKLED[0], named.weights, allow_pickle=False)
    return place, True


def _has(folder: Path, patterns: Sequence[str]) -> bool:
    return any(True for pattern in patterns for _ in folder.glob(pattern))
