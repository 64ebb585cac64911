"""Looks at the container of a video before any decoder sees it: what it is, and whether all of it is there."""

import struct
from collections.abc import Iterator
from typing import Any

from multigraft import BadSample

MP4, MATROSKA, AVI, MPEG_TS, MPEG_PS = "mov", "matroska", "avi", "mpegts", "mpeg"
"""FFmpeg's names of the demuxers, so that a file is read as what it begins with and as nothing else."""
_MP4_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"pnot")
_TABLES = {
    b"moov": {b"trak": {b"mdia": {b"minf": {b"stbl": {b"stsz": "number at 8", b"stts": "runs", b"ctts": "runs"}}}}},
    b"moof": {b"traf": {b"trun": "number at 4"}},
}
"""Atoms within atoms, down to those that say how many samples there are."""
_MOST_SAMPLES = 100_000
_TS_PACKETS = ((188, 0), (192, 4))
_MATROSKA_SEGMENT = b"\x18\x53\x80\x67"


def container_of(data: bytes) -> str:
    """`MP4` (and mov), `MATROSKA` (and webm), `AVI`, `MPEG_TS` or `MPEG_PS`.

    Raises:
        BadSample: `empty file`, `not a video`, or `truncated video` where the container says how long it should be.
    """
    if not data:
        raise BadSample("empty file")
    if data[4:8] in _MP4_ATOMS:
        _check_mp4(data)
        return MP4
    if data[:4] == b"\x1a\x45\xdf\xa3":
        _check_matroska(data)
        return MATROSKA
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        _check_size(8 + int.from_bytes(data[4:8], "little"), data)
        return AVI
    if data[:4] == b"\0\0\1\xba":
        return MPEG_PS
    for size, start in _TS_PACKETS:
        if len(data) > start + size and data[start] == 0x47 and data[start + size] == 0x47:
            if len(data) % size:
                raise BadSample("truncated video", f"it ends within a packet of {size} bytes")
            return MPEG_TS
    raise BadSample("not a video", f"begins with {data[:12]!r}")


def _check_size(expected: int, data: bytes) -> None:
    if expected > len(data):
        raise BadSample("truncated video", f"should have {expected} bytes and has {len(data)}")


def _check_mp4(data: bytes) -> None:
    """Look at the top-level atoms, and at how many samples the tables announce: ISO/IEC 14496-12, section 4.2."""
    seen = set()
    for name, start, stop in _atoms(data, 0, len(data)):
        _check_size(stop, data)
        seen.add(name)
        _check_tables(data, name, start, stop, _TABLES)
    if b"moov" not in seen:
        raise BadSample("truncated video", "no moov atom")


def _atoms(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the content and end of each atom in a stretch."""
    while position + 8 <= end:
        size, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        content = position + 8
        if size == 1:
            size, content = int.from_bytes(data[content : content + 8], "big"), content + 8
        elif size == 0:
            size = end - position
        if size < 8:
            raise BadSample("broken video", f"an atom of {size} bytes at byte {position}")
        yield name, content, position + size
        position += size
    _check_size(position, data)


def _check_tables(data: bytes, name: bytes, start: int, stop: int, tables: dict[bytes, Any]) -> None:
    """Refuse tables that announce many samples in few bytes, for all of which FFmpeg would make room."""
    inner, stop = tables.get(name), min(stop, len(data))
    if isinstance(inner, str):
        count = _announced(data[start:stop], inner)
        if count > max(_MOST_SAMPLES, len(data)):
            raise BadSample("broken video", f"{count} samples in a file of {len(data)} bytes")
    elif inner:
        for each in _atoms(data, start, stop):
            _check_tables(data, *each, inner)


def _announced(table: bytes, form: str) -> int:
    """Samples that a table counts; runs are pairs of a number of samples and what they have in common."""
    if form == "runs":
        return sum(number for number, _ in struct.iter_unpack(">II", table[8 : 8 + len(table[8:]) // 8 * 8]))
    place = int(form.rpartition(" ")[2])
    return int.from_bytes(table[place : place + 4], "big")


def _check_matroska(data: bytes) -> None:
    """Compare the segment's size with the file's: RFC 8794, section 4; all ones mean an unknown size."""
    place = data.find(_MATROSKA_SEGMENT, 0, 4096)
    if place < 0:
        raise BadSample("broken video", "no Matroska segment")
    first = place + len(_MATROSKA_SEGMENT)
    length = 9 - data[first].bit_length() if first < len(data) and data[first] else 0
    if not length:
        raise BadSample("truncated video", "it ends within the header")
    size = int.from_bytes(data[first : first + length], "big") & ((1 << 7 * length) - 1)
    if size != (1 << 7 * length) - 1:
        _check_size(first + length + size, data)
