"""What a run was made with: its recipe's name, and the versions of Python, libraries and plugins."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from multigraft.core.registry import Registry

_LIBRARIES = ("multigraft", "torch", "transformers", "timm", "open_clip_torch", "accelerate", "numpy", "pillow",
              "safetensors", "webdataset", "decord", "av", "pycocoevalcap")  # fmt: skip


def environment(recipe_name: str, registry: Registry) -> dict[str, Any]:
    """The recipe's name, versions, threads and devices."""
    return {
        "recipe": recipe_name,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "plugins": {plugin.name: plugin.version for plugin in registry.plugins if plugin.state == "loaded"},
    }


def first_name(run_folder: Path, name: str) -> str:
    """The recipe's name that a run began with; `name` for one that begins."""
    try:
        return str(json.loads((run_folder / "environment.json").read_text(encoding="utf-8"))["recipe"])
    except (OSError, ValueError, KeyError, TypeError):
        return name


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
