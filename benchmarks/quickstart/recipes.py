"""Whether something was made with the recipe that a piece has today, and with today's language model."""

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from pieces import Piece
from pydantic import ValidationError

from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import load_registry


@cache
def sapling() -> str:
    """A hash of the files of the language model that lies in this repository."""
    folder = files("multigraft.plugins.backbones") / "sapling_weights"
    contents = [(folder / name).read_bytes() for name in ("config.json", "model.safetensors", "tokenizer.json")]
    return blake2b(b"".join(contents), digest_size=8).hexdigest()


def outdated(kept: Mapping[str, Any]) -> list[str]:
    """What of a piece's file is not as it is today: keys of its recipe, and the language model."""
    piece = Piece(kept["piece"]["name"], kept["piece"]["seed"])
    return [*changes(piece, kept["recipe"]), *(["weights of sapling"] if kept.get("sapling") != sapling() else [])]


def changes(piece: Piece, made_with: Mapping[str, Any]) -> list[str]:
    """The keys in which the recipe that something was made with differs from today's, but for where the data lie."""
    registry = load_registry()
    try:
        before = Recipe.model_validate(made_with, context={"registry": registry})
    except ValidationError as error:
        return sorted({".".join(map(str, each["loc"])) for each in error.errors()})
    now = load_recipe(piece.recipe, piece.overrides, registry)
    return _differences(before.model_dump(mode="json"), now.model_dump(mode="json"), "")


def _differences(before: Any, now: Any, path: str) -> list[str]:
    if path == "data.root" or before == now:
        return []
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return [path]
    keys = dict.fromkeys([*before, *now])
    return [name for key in keys for name in _differences(before.get(key), now.get(key), f"{path}.{key}".lstrip("."))]
