"""Saved grafts: one safetensors file a task scope, and `graft.json`."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, no_grad

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.bank import Bank, Key, hash_tensors

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


def read_facts(folder: Path) -> dict[str, Any]:
    """What `graft.json` says.

    Raises:
        GraftError: there is none, or it is of another format.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / "graft.json").read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise GraftError(f"{folder} holds no graft: {error}") from None
    if facts.get("format") != FORMAT:
        raise GraftError(f"{folder}: graft format {facts.get('format')!r}; this version reads {FORMAT}")
    return facts


def load_graft(folder: Path, bank: Bank, trunk: Mapping[str, str]) -> None:
    """Fill an allocated bank from a saved graft.

    Raises:
        GraftError: another trunk, missing or unknown tensors, other shapes, or other frozen tensors.
    """
    facts = read_facts(folder)
    _check_trunk(folder, facts.get("trunk", {}), trunk)
    _check_frozen(folder, facts.get("frozen", {}), bank)
    values = {key.text: value for key, value in bank.trained().items()}
    stored = _read_tensors(folder, facts["tensors"])
    _check_names(folder, stored, values)
    with no_grad():
        for name, tensor in stored.items():
            if tensor.shape != values[name].shape:
                shapes = f"{tuple(tensor.shape)}, not {tuple(values[name].shape)}"
                raise GraftError(f"{folder}: tensor {name} has shape {shapes}")
            values[name].copy_(tensor)


def scope_file(scope: str) -> str:
    """`shared.safetensors`, `task-NAME.safetensors` or `group-NAME.safetensors`."""
    return scope.replace(":", "-") + ".safetensors"


def _name(key: Key) -> str:
    return f"{key.owner.site_scope}/{key.part}"


def _read_tensors(folder: Path, listing: Mapping[str, Any]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for scope in listing:
        path = folder / scope_file(scope)
        try:
            tensors.update({f"{scope}/{name}": value for name, value in load_file(path).items()})
        except (OSError, SafetensorError) as error:
            raise GraftError(f"{path} cannot be read: {error}") from None
    return tensors


def _check_trunk(folder: Path, saved: Mapping[str, str], here: Mapping[str, str]) -> None:
    for part, fingerprint in here.items():
        if saved.get(part) != fingerprint:
            raise GraftError(
                f"{folder}: this graft belongs to another trunk. Its {part} was {saved.get(part)}; "
                f"here it is {fingerprint}"
            )


def _check_frozen(folder: Path, saved: Mapping[str, str], bank: Bank) -> None:
    here = {key.text: hash_tensors([value]) for key, value in bank.frozen().items()}
    if saved != here:
        differing = sorted({name for name in saved.keys() | here.keys() if saved.get(name) != here.get(name)})
        raise GraftError(
            f"{folder}: frozen random tensors differ: {', '.join(differing)}; the seed or a shape has changed"
        )


def _check_names(folder: Path, stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    missing, unknown = sorted(wanted.keys() - stored.keys()), sorted(stored.keys() - wanted.keys())
    if missing or unknown:
        lines = [f"missing {name}" for name in missing[:5]] + [f"unknown {name}" for name in unknown[:5]]
        raise GraftError(
            f"{folder} does not fit this recipe's graft ({len(missing)} missing, {len(unknown)} unknown): "
            + "; ".join(lines)
        )
