"""The manifest of a folder of data: what has been made there, held against what is there."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

MANIFEST = "manifest.json"
"""Written last. `files` gives the bytes of each file by its path in the folder; `shards`, by `ShardWriter`, facts of
each shard, its bytes among them. Other keys are its maker's."""

_SHOWN = 3
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def missing_data(folder: Path) -> str:
    """What a folder lacks of what its manifest promises, in words; nothing if it is complete.

    Files are looked up, not read: a file of another size is one that is cut.
    """
    try:
        promised = _promised(folder)
    except OSError:
        return f"has no {MANIFEST}"
    except _DAMAGE:
        return f"has a damaged {MANIFEST}"
    return _lacks([text for name, size in promised.items() if (text := _wrong(folder / name, name, size))])


def missing_files_of(folder: Path) -> str:
    """Which files a folder lacks that a manifest in it names, in words; it need not have one, and sizes may differ."""
    try:
        promised = _promised(folder)
    except (OSError, *_DAMAGE):
        return ""
    there = set(os.listdir(folder))
    return _lacks([name for name in promised if name not in there and not (folder / name).exists()])


def _lacks(names: Sequence[str]) -> str:
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return f"lacks what its {MANIFEST} names: {', '.join([*names[:_SHOWN], *more])}" if names else ""


def _promised(folder: Path) -> dict[str, int]:
    """The bytes of each file that a manifest names."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    shards = {name: facts["bytes"] for name, facts in manifest.get("shards", {}).items()}
    return {str(name): int(size) for name, size in (*shards.items(), *manifest.get("files", {}).items())}


def _wrong(path: Path, name: str, size: int) -> str:
    try:
        found = path.stat().st_size
    except OSError:
        return name
    return "" if found == size else f"{name} ({found:,} of {size:,} bytes)"


@dataclass(frozen=True)
class Promise:
    """What a manifest says of a file."""

    bytes: int
    sha256: str
    """Empty where it gives none."""


def promises_of(text: str) -> dict[str, Promise]:
    """What a manifest says, by a file's path in its folder.

    Raises:
        ValueError: it is no manifest.
    """
    try:
        manifest = json.loads(text)
        files = {str(name): Promise(int(size), "") for name, size in manifest.get("files", {}).items()}
        shards = manifest.get("shards", {}).items()
        return files | {str(name): Promise(int(facts["bytes"]), str(facts.get("sha256", ""))) for name, facts in shards}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a manifest: {error!r}") from None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
