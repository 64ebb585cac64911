"""Checkpoints of other people are read without running anything in them."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from multigraft.core.errors import MultigraftError
from multigraft.plugins.encoders.checkpoint import read_state_dict


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.register_buffer("input_resolution", torch.tensor(224))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x)


class Evil:
    """Unpickling it with Python's own pickle would make a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def save_as(state: dict[str, torch.Tensor], path: Path, form: str) -> None:
    if form == "safetensors":
        save_file(state, path)
    elif form == "wrapped":
        torch.save({"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}, path)
    else:
        torch.save(state, path)


@pytest.mark.parametrize("form", ["safetensors", "wrapped", "plain"])
def test_tensors_come_back_by_name(form: str, tmp_path: Path):
    state = Small().state_dict()
    path = tmp_path / ("a.safetensors" if form == "safetensors" else "a.pt")
    save_as(state, path, form)
    found = read_state_dict(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("half", [False, True])
def test_a_torchscript_archive_gives_parameters_and_buffers(half: bool, tmp_path: Path):
    model = Small().eval()
    model.first[0].half() if half else None
    torch.jit.save(torch.jit.script(model), tmp_path / "jit.pt")
    found = read_state_dict(tmp_path / "jit.pt")
    state = model.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) and found[name].dtype == state[name].dtype for name in state)


def test_a_torchscript_archive_cannot_run_anything(tmp_path: Path):
    trace, path = tmp_path / "ran", tmp_path / "evil.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil/data.pkl", pickle.dumps(Evil(trace)))
        archive.writestr("evil/code/__torch__.py", "")
    with pytest.raises(MultigraftError, match=r"evil\.pt cannot be read .*touch|evil\.pt cannot be read .*getattr"):
        read_state_dict(path)
    assert not trace.exists()


def test_a_pickled_checkpoint_cannot_run_anything(tmp_path: Path):
    trace, path = tmp_path / "ran", tmp_path / "evil.pt"
    torch.save({"a": Evil(trace)}, path)
    with pytest.raises(MultigraftError, match="allowed are safetensors, torch checkpoints of plain tensors"):
        read_state_dict(path)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_rubbish_is_named(content: bytes, tmp_path: Path):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(MultigraftError, match=r"bad\.pt cannot be read"):
        read_state_dict(tmp_path / "bad.pt")


def test_a_missing_file_and_one_without_tensors_are_told_apart(tmp_path: Path):
    with pytest.raises(MultigraftError, match="there is no file"):
        read_state_dict(tmp_path / "nothing.safetensors")
    torch.save({"epoch": 3}, tmp_path / "epoch.pt")
    with pytest.raises(MultigraftError, match="hold no tensors by name"):
        read_state_dict(tmp_path / "epoch.pt")
