"""Numbers that are a pure function of what they are for."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def seeded(*parts: str | int) -> int:
    """A 128-bit number from the parts; equal parts give equal numbers everywhere."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest(), "little")


def permutation(count: int, *parts: str | int) -> NDArray[np.intp]:
    """A random order of `range(count)` that depends on the parts alone.

    Sorts raw Philox output, which numpy promises never to change, unlike its own permutations.
    """
    return np.argsort(np.random.Philox(key=seeded(*parts)).random_raw(count), kind="stable")
