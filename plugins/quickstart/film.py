"""Turns what an agent saw into a real H.264 mp4."""

import io
import math
from collections.abc import Sequence

from multigraft.plugins.quickstart.episode import Frame, Leg

RATE = 4
"""Frames a second."""

_STEP = 8


def timed_frames(legs: Sequence[Leg]) -> list[Frame]:
    """Frames in order, each leg's last one held until its share of the film is over.

    The film is as short as its walks allow, so that four or more frames spread evenly show every stop.
    """
    needed = max(len(leg.frames) / leg.walk for leg in legs)
    total = _STEP * math.ceil(needed / _STEP)
    film: list[Frame] = []
    for leg in legs:
        length = round(leg.share * total)
        film += [*leg.frames, *[leg.frames[-1]] * (length - len(leg.frames))]
    return film


def encode(frames: Sequence[Frame]) -> bytes:
    """Frames as an mp4; small differences in colour survive, key frames come every three seconds."""
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"crf": "18", "preset": "veryfast", "g": "12", "bf": "0"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()
