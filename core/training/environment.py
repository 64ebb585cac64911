"""What a run was made with: its recipe's name, the versions of Python, libraries and plugins, and the time it took."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from multigraft.core.atomic import write_json
from multigraft.core.recipe.plugin_use import KEY, made_with_of, plugins_in_use
from multigraft.core.run.open_run import OpenRun

_LIBRARIES = ("multigraft", "torch", "transformers", "timm", "open_clip_torch", "accelerate", "numpy", "pillow",
              "safetensors", "webdataset", "decord", "av", "pycocoevalcap")  # fmt: skip
_BEGINNING = ("recipe", "start")


def write_environment(run: OpenRun, beginning: Mapping[str, Any]) -> None:
    """`environment.json`: the recipe's name, versions, plugins, threads, device, and the seconds of all sessions.

    Args:
        beginning: what is said of where the run began (`recipe`, `start`); a run that goes on keeps what it began with.
    """
    registry, earlier = run.registry, earlier_environment(run.folder)
    facts = {
        **beginning,
        **{name: earlier[name] for name in _BEGINNING if name in earlier},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "plugins": registry.versions(),
        KEY: made_with_of(run.folder) | plugins_in_use(run.recipe, registry),
        "seconds": run.times.of_all_sessions(),
    }
    write_json(run.folder / "environment.json", facts)


def earlier_environment(run_folder: Path) -> dict[str, Any]:
    """What `environment.json` holds; nothing where it is missing or damaged."""
    try:
        known = json.loads((run_folder / "environment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
