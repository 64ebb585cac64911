"""What a run was made with: versions of Python, libraries and plugins."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from multigraft.core.registry import Registry

_LIBRARIES = ("multigraft", "torch", "transformers", "timm", "open_clip_torch", "accelerate", "numpy", "pillow",
              "safetensors", "webdataset", "decord", "av", "pycocoevalcap")  # fmt: skip


def environment(registry: Registry) -> dict[str, Any]:
    """Versions, threads and devices."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "plugins": {plugin.name: plugin.version for plugin in registry.plugins if plugin.state == "loaded"},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
