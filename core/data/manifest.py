"""The manifest of a folder of data: what has been made there, held against what is there."""

import json
import os
from collections.abc import Sequence
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
