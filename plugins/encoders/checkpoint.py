"""Read the weights of other people's checkpoints without running anything in them."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from multigraft import MultigraftError
from multigraft.plugins.encoders.torchscript import is_torchscript, read_torchscript

_WRAPPERS = ("state_dict", "model")
_UNREADABLE = (SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, RuntimeError, LookupError,
               TypeError, ValueError, AttributeError)  # fmt: skip


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from a safetensors file, a torch checkpoint or a TorchScript archive.

    Raises:
        MultigraftError: there is no such file, or it holds something else than tensors by name.
    """
    if not path.is_file():
        raise MultigraftError(f"encoder weights: there is no file {path}")
    try:
        state = _unwrap(_read(path))
    except _UNREADABLE as error:
        raise MultigraftError(
            f"encoder weights {path} cannot be read ({_first_line(error)}); "
            "allowed are safetensors, torch checkpoints of plain tensors and TorchScript archives"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()) or not state:
        raise MultigraftError(f"encoder weights {path} hold no tensors by name; save a state dict as safetensors")
    return {name.removeprefix("module."): value for name, value in state.items()}


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    if is_torchscript(path):
        return read_torchscript(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _unwrap(checkpoint: Any) -> Any:
    for name in _WRAPPERS:
        if isinstance(checkpoint, dict) and isinstance(checkpoint.get(name), dict):
            return checkpoint[name]
    return checkpoint


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
