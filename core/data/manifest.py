"""The manifest of a folder of data: what has been made there, held against what is there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
"""Written last. `files` gives the bytes of each file by its path in the folder; `shards`, by `ShardWriter`, facts of
each shard, its bytes among them. Other keys are its maker's."""

_SHOWN = 3


def lack(folder: Path) -> str:
    """What a folder lacks of what its manifest promises, in words; nothing if it is complete.

    Files are looked up, not read: a file of another size is one that is cut.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        promised = _promised(manifest)
    except OSError:
        return f"has no {MANIFEST}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return f"has a damaged {MANIFEST}"
    lacking = [text for name, size in promised.items() if (text := _wrong(folder / name, name, size))]
    more = [f"{len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
    return f"lacks what its {MANIFEST} names: {', '.join([*lacking[:_SHOWN], *more])}" if lacking else ""


def _promised(manifest: Mapping[str, Any]) -> dict[str, int]:
    shards = {name: facts["bytes"] for name, facts in manifest.get("shards", {}).items()}
    return {str(name): int(size) for name, size in (*shards.items(), *manifest.get("files", {}).items())}


def _wrong(path: Path, name: str, size: int) -> str:
    try:
        found = path.stat().st_size
    except OSError:
        return name
    return "" if found == size else f"{name} ({found:,} of {size:,} bytes)"
