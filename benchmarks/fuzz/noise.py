"""Damage to bytes, drawn: flipped, cut, repeated, and numbers in them replaced by extreme ones."""

from collections.abc import Sequence
from random import Random

EXTREMES = (
    0, 1, 2, -1, -2, 127, 128, 255, 256, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**62,
    2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**19, 10**30, -(2**31), -(2**63),
)  # fmt: skip


def pick(draw: Random, *choices):
    return draw.choice(choices)


def extreme(draw: Random) -> int:
    return draw.choice(EXTREMES) + draw.choice((0, 0, 0, 1, -1))


def number_bytes(draw: Random, width: int, value: int | None = None) -> bytes:
    """A number of so many bytes in either order; what does not fit is cut."""
    value = extreme(draw) if value is None else value
    return (value % (1 << 8 * width)).to_bytes(width, draw.choice(("big", "little")))


def place(draw: Random, data: Sequence[int], first: int = 0) -> int:
    """Where to do damage: anywhere, or near the beginning, where headers are."""
    last = max(first, len(data) - 1)
    return draw.randint(first, last if draw.random() < 0.6 else min(last, first + 160))


def noisy(draw: Random, data: bytes, times: int = 0, first: int = 0) -> bytes:
    """The bytes with some damage, behind the first so many of them."""
    changed = bytearray(data)
    for _ in range(times or draw.choice((1, 1, 1, 2, 3, 8))):
        _damage(draw, changed, place(draw, changed, first))
    return bytes(changed)


def _damage(draw: Random, data: bytearray, at: int) -> None:
    kind = draw.randrange(9)
    length = draw.choice((1, 2, 4, 8, 20, 100, 1000))
    if kind <= 1 and data:
        data[min(at, len(data) - 1)] ^= 1 << draw.randrange(8)
    elif kind <= 4:
        width = draw.choice((1, 2, 4, 4, 8))
        data[at : at + width] = number_bytes(draw, width)
    elif kind == 5:
        data[at : at + length] = draw.randbytes(min(length, 20))
    elif kind == 6:
        data[at:at] = data[at : at + length] * draw.choice((1, 2, 5))
    elif kind == 7:
        del data[at : at + length]
    elif draw.random() < 0.5:
        del data[at:]
    else:
        data[at : at + length] = bytes(min(length, len(data) - at))
