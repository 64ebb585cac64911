"""Reference vectors, and grafts filled with them."""

from pathlib import Path

import numpy as np
import pytest
import torch

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def vectors():
    """The numbers and truths of a file as tensors; floating-point ones as float64."""

    def load(name):
        with np.load(DATA / f"{name}.npz", allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files if file[key].dtype.kind in "ifb"}
        tensors = {key: torch.from_numpy(array.copy()) for key, array in arrays.items()}
        return {key: value.double() if value.is_floating_point() else value for key, value in tensors.items()}

    return load


@pytest.fixture(scope="session")
def close():
    """Equal to 1e-9."""

    def check(ours, theirs):
        torch.testing.assert_close(ours.detach(), theirs, atol=1e-9, rtol=1e-9)

    return check
