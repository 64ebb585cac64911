"""The tensors of a TorchScript archive, such as the checkpoints that OpenAI published for CLIP.

An archive is a zip file: `data.pkl` holds the modules' attributes, `data/KEY` the bytes of the tensors, `code/`
programs. Loading one with torch may run its programs. Here `data.pkl` is read by an unpickler that knows tensors and
plain containers only, and the programs are never looked at.
"""

import io
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_TYPES = {
    "FloatStorage": torch.float32, "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64, "LongStorage": torch.int64, "IntStorage": torch.int32, "BoolStorage": torch.bool,
}  # fmt: skip


def is_torchscript(path: Path) -> bool:
    """Whether the file is a TorchScript archive."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers by name.

    Raises:
        pickle.UnpicklingError: it holds anything but modules, tensors and plain containers.
    """
    with zipfile.ZipFile(path) as archive:
        (data,) = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        root = _Reader(archive, data.removesuffix("data.pkl")).load()
    return dict(_named_tensors(root, ""))


class _Module:
    """Stands for a scripted module: its attributes, no code."""

    attributes: dict[str, Any]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.attributes = state


class _Reader(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        """The few names that may occur."""
        if module.startswith("__torch__"):
            return _Module
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch.jit._pickle":
            return _untagged
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in weights")

    def persistent_load(self, pid: Any) -> Tensor:
        """The storage `("storage", type, key, device, elements)` as a flat tensor."""
        _, dtype, key, _, _ = pid
        data = bytearray(self._archive.read(f"{self._folder}data/{key}"))
        return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)


def _rebuild(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return storage.as_strided(size, stride, offset)


def _untagged(value: Any, *_: Any) -> Any:
    return value


def _named_tensors(module: _Module, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in module.attributes.items():
        if isinstance(value, _Module):
            yield from _named_tensors(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor):
            yield f"{prefix}{name}", value
