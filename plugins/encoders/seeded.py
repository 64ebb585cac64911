"""Random weights that are the same in every run, and the check whether weights are wanted at all."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded_by(name: str) -> Iterator[None]:
    """Draw from torch's generator as seeded by a name; its state is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest()))
        yield


def building_on_meta() -> bool:
    """Whether modules are built under `torch.device("meta")`, and must then load no weights."""
    return torch.get_default_device().type == "meta"
