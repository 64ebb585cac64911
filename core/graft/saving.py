"""Saved grafts: one safetensors file a task scope, and `graft.json`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, no_grad

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.bank import Bank, Key, check_scope, hash_tensors

FORMAT = 1


class GraftError(MultigraftError):
    """A saved graft that cannot be used here."""


def save_graft(folder: Path, bank: Bank, facts: Mapping[str, Any], keys: Iterable[Key] | None = None) -> None:
    """Write the trained tensors, or those of `keys`, by task scope; `facts` go to graft.json."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(bank.trained() if keys is None else keys)
    scopes: dict[str, dict[str, Tensor]] = {}
    for key, value in bank.trained().items():
        if key in wanted:
            scopes.setdefault(key.owner.task_scope, {})[_name(key)] = value.detach().cpu().contiguous()
    for scope, tensors in scopes.items():
        save_file(tensors, folder / scope_file(scope))
    frozen = {key.text: hash_tensors([value]) for key, value in bank.frozen().items()}
    listing = {scope: {name: list(t.shape) for name, t in sorted(tensors.items())} for scope, tensors in scopes.items()}
    document = {"format": FORMAT, "seed": bank.seed, **facts, "frozen": frozen, "tensors": listing}
    (folder / "graft.json").write_text(json.dumps(document, indent=1) + "\n")


class GraftFacts(BaseModel):
    """The form of `graft.json`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: int
    seed: int
    trunk: dict[str, str]
    """Fingerprints."""
    weights: dict[str, str] = {}
    """Where the trunk's weights came from: `hub:NAME@COMMIT` for a hub's."""
    tasks: list[str]
    """The tasks it can do."""
    recipe: str
    plugins: dict[str, str]
    """Versions."""
    made_with: dict[str, dict[str, Any]] = {}
    """The plugins that it needs or that acted on it, and where they come from."""
    media: dict[str, list[str]] = {}
    """Kinds of media that each task was trained on."""
    frozen: dict[str, str]
    """Hashes of the random tensors that are made again, not saved."""
    tensors: dict[str, dict[str, list[int]]]
    """Shapes, by task scope and name."""


def read_facts(folder: Path) -> dict[str, Any]:
    """What `graft.json` says.

    Raises:
        GraftError: there is none, it is of another format, or damaged.
    """
    try:
        facts = json.loads((folder / "graft.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GraftError(f"{folder} holds no graft: {error}") from None
    found = facts.get("format") if isinstance(facts, dict) else None
    if found != FORMAT:
        raise GraftError(f"{folder}: graft format {found!r}; this version reads {FORMAT}")
    try:
        return GraftFacts.model_validate(facts).model_dump()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise GraftError(f"{folder / 'graft.json'} is damaged: {'; '.join(lines)}") from None


def load_graft(folder: Path, bank: Bank, trunk: Mapping[str, str]) -> None:
    """Fill an allocated bank from a saved graft.

    Raises:
        GraftError: another trunk, missing or unknown tensors, other shapes or types, or other frozen tensors; the bank
            is as it was then.
    """
    facts = read_facts(folder)
    check_trunk(folder, facts["trunk"], trunk)
    _check_frozen(folder, facts["frozen"], bank)
    values = {key.text: value for key, value in bank.trained().items()}
    stored = read_tensors(folder, facts["tensors"])
    _check_names(folder, stored, values, facts["plugins"])
    for name, tensor in stored.items():
        check_tensor(folder, name, tensor, values[name])
    with no_grad():
        for name, tensor in stored.items():
            values[name].copy_(tensor)


def scope_file(scope: str) -> str:
    """`shared.safetensors`, `task-NAME.safetensors` or `group-NAME.safetensors`."""
    return scope.replace(":", "-") + ".safetensors"


def _name(key: Key) -> str:
    return f"{key.owner.site_scope}/{key.part}"


def read_tensors(folder: Path, listing: Mapping[str, Mapping[str, Sequence[int]]]) -> dict[str, Tensor]:
    """The tensors that graft.json lists, by the text of their key.

    Raises:
        GraftError: a file cannot be read, or holds others.
    """
    tensors: dict[str, Tensor] = {}
    for scope, shapes in listing.items():
        check_scope(scope)
        path = folder / scope_file(scope)
        try:
            found = load_file(path)
        except (OSError, SafetensorError) as error:
            raise GraftError(f"{path} cannot be read: {error}") from None
        if {name: list(value.shape) for name, value in found.items()} != shapes:
            raise GraftError(f"{path} does not hold the tensors that graft.json lists for it")
        tensors.update({f"{scope}/{name}": value for name, value in found.items()})
    return tensors


def check_tensor(folder: Path, name: str, stored: Tensor, wanted: Tensor) -> None:
    """Hold a stored tensor against the one that it fills.

    Raises:
        GraftError: it has another shape or type.
    """
    if stored.shape != wanted.shape:
        raise GraftError(f"{folder}: tensor {name} has shape {tuple(stored.shape)}, not {tuple(wanted.shape)}")
    if stored.dtype != wanted.dtype:
        raise GraftError(f"{folder}: tensor {name} is {stored.dtype}, not {wanted.dtype}")


def check_trunk(folder: Path, saved: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Hold the fingerprints of the trunk that a graft was trained over against those of the trunk here.

    Raises:
        GraftError: they differ.
    """
    for part in dict.fromkeys([*here, *saved]):
        if saved.get(part) != here.get(part):
            raise GraftError(
                f"{folder}: this graft belongs to another trunk. Its {part} was {saved.get(part, 'none')}; "
                f"here it is {here.get(part, 'none')}"
            )


def _check_frozen(folder: Path, saved: Mapping[str, str], bank: Bank) -> None:
    here = {key.text: hash_tensors([value]) for key, value in bank.frozen().items()}
    if saved != here:
        differing = sorted({name for name in saved.keys() | here.keys() if saved.get(name) != here.get(name)})
        raise GraftError(
            f"{folder}: frozen random tensors differ: {', '.join(differing)}; the seed or a shape has changed"
        )


def _check_names(
    folder: Path, stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor], plugins: Mapping[str, str]
) -> None:
    missing, unknown = sorted(wanted.keys() - stored.keys()), sorted(stored.keys() - wanted.keys())
    if missing or unknown:
        lines = [f"missing {name}" for name in missing[:5]] + [f"unknown {name}" for name in unknown[:5]]
        versions = ", ".join(f"{name} {version}" for name, version in plugins.items())
        advice = f"It was saved by {versions}; take these versions, or train it anew"
        if _has_an_embedding_a_stack(missing, unknown):
            advice = (
                "Its hypernetwork has an embedding of each task for each stack, as in version 0.1.0, and this version "
                "has one for all stacks: train it anew"
            )
        raise GraftError(
            f"{folder} does not fit this recipe's graft ({len(missing)} missing, {len(unknown)} unknown): "
            + "; ".join(lines)
            + f". {advice}"
        )


def _has_an_embedding_a_stack(missing: Sequence[str], unknown: Sequence[str]) -> bool:
    """Whether what a task owns of a hypernetwork is there under the name of a stack's, and not under that of all."""
    stacks = any(name.startswith("task:") and "-hypernetwork-" in name for name in unknown)
    return stacks and any("-hypernetwork/" in name for name in missing)
