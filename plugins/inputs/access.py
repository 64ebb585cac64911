"""Where in a video stream decoding can begin: key frames after which nothing refers to what was before them.

A container's mark of a key frame is not enough: x264 also marks pictures from which a decoder recovers only by and by
(open GOP, intra refresh), and any muxer can be wrong.
"""

from collections.abc import Iterator

_H264_IDR = 5
_HEVC_PICTURES, _HEVC_ACCESS = range(32), range(16, 24)
_MPEG4_PICTURE = b"\0\0\1\xb6"


def begins_anew(codec: str, packet: bytes, extradata: bytes | None) -> bool:
    """Whether decoding can begin at a packet that its container marks as a key frame.

    H.264: an IDR picture (ITU-T H.264, table 7-1); HEVC: a random access picture (ITU-T H.265, table 7-1), both only
    in the form with lengths that mp4 and Matroska have. MPEG-4: an I-VOP (ISO/IEC 14496-2, table 6-20); VP8 (RFC 6386,
    section 9.1) and VP9 (its bitstream specification, section 7.2): a key frame. Others: no.
    """
    if codec == "h264":
        size = _length_size(extradata, 4)
        return size > 0 and any(unit[0] & 31 == _H264_IDR for unit in _units(packet, size))
    if codec == "hevc":
        size = _length_size(extradata, 21)
        kinds = [unit[0] >> 1 & 63 for unit in _units(packet, size)] if size else []
        return next((kind in _HEVC_ACCESS for kind in kinds if kind in _HEVC_PICTURES), False)
    if codec == "mpeg4":
        place = packet.find(_MPEG4_PICTURE) + len(_MPEG4_PICTURE)
        return len(_MPEG4_PICTURE) <= place < len(packet) and packet[place] >> 6 == 0
    if codec == "vp8":
        return packet[0] & 1 == 0 and packet[3:6] == b"\x9d\x01\x2a"
    return codec == "vp9" and packet[0] & 0b1100_1100 == 0b1000_0000


def _length_size(extradata: bytes | None, place: int) -> int:
    """Bytes of a unit's length, as an `avcC` or `hvcC` says (ISO/IEC 14496-15); 0 where there is none."""
    if not extradata or len(extradata) <= place or extradata[0] != 1:
        return 0
    return (extradata[place] & 3) + 1


def _units(packet: bytes, size: int) -> Iterator[bytes]:
    """The beginning of each unit that is not empty."""
    place = 0
    while place + size < len(packet):
        length = int.from_bytes(packet[place : place + size], "big")
        place += size
        if length:
            yield packet[place : place + 1]
        place += length
