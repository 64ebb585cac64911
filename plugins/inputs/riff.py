"""Whether a WAV file is whole: libsndfile reads what is there of a cut one and does not tell."""

_STREAMED = 0x7FFF0000
"""Lengths from here on are written by programs that did not know it when they wrote the header."""


def is_cut_wave(data: bytes) -> bool:
    """Whether a WAV or RF64 file has fewer bytes of sound than its header says."""
    if data[:4] not in (b"RIFF", b"RF64"):
        return False
    place, large = 12, 0
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8
        if name == b"ds64":
            large = int.from_bytes(data[place + 8 : place + 16], "little")
        if name == b"data":
            return place + _length(size, large) > len(data)
        place += size + size % 2
    return False


def _length(size: int, large: int) -> int:
    """Of the sound in bytes; 0 where it is not known. In RF64 (EBU Tech 3306) the chunk `ds64` has it."""
    return large or (size if size < _STREAMED else 0)
