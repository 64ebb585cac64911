"""The sound of a clip as packets of AAC."""

from typing import Any

from multigraft.plugins.inputs.pyav import opened

_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Samples a second that are kept; others become 48,000."""


def sound_packets(data: bytes, container: str, muxer: Any, start: float, max_pixels: int) -> list[Any]:
    """Packets of a new stream of `muxer` with the first sound of a clip, in one or two channels; none without sound.

    Args:
        start: seconds on the container's own clock that count as 0.

    Raises:
        BadSample: `broken video`.
    """
    with opened(data, container, max_pixels) as (demuxer, _):
        if not demuxer.streams.audio:
            return []
        stream = demuxer.streams.audio[0]
        rate = stream.rate if stream.rate in _RATES else _RATES[-1]
        coder = muxer.add_stream("aac", rate=rate, layout="mono" if stream.channels == 1 else "stereo")
        packets = list[Any]()
        for frame in demuxer.decode(stream):
            if frame.pts is not None:
                frame.pts -= round(start / frame.time_base)
            packets += coder.encode(frame)
        packets += coder.encode()
        return packets
