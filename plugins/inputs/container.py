"""Looks at the container of a video before any decoder sees it: what it is, and whether all of it is there."""

from multigraft.core.data.media import BadSample

MP4, MATROSKA, AVI, MPEG_TS, MPEG_PS = "mov", "matroska", "avi", "mpegts", "mpeg"
"""FFmpeg's names of the demuxers, so that a file is read as what it begins with and as nothing else."""
_MP4_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"pnot")
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
            return MPEG_TS
    raise BadSample("not a video", f"begins with {data[:12]!r}")


def _check_size(expected: int, data: bytes) -> None:
    if expected > len(data):
        raise BadSample("truncated video", f"should have {expected} bytes and has {len(data)}")


def _check_mp4(data: bytes) -> None:
    """Walk the top-level atoms: ISO/IEC 14496-12, section 4.2."""
    position, seen = 0, set()
    while position + 8 <= len(data):
        size, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        seen.add(name)
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        elif size == 0:
            size = len(data) - position
        if size < 8:
            raise BadSample("broken video", f"an atom of {size} bytes at byte {position}")
        position += size
    _check_size(position, data)
    if b"moov" not in seen:
        raise BadSample("truncated video", "no moov atom")


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
