"""Turns what an agent saw into a real H.264 mp4."""

import io
import math
from collections.abc import Sequence

from multigraft.plugins.quickstart.episode import Frame, Leg

RATE = 4
"""Frames a second."""


def timed_frames(legs: Sequence[Leg]) -> list[Frame]:
    """Frames in order, each leg's last one held until its share of the film is over.

    The film is as short as its walks allow, so that four or eight frames spread evenly from the first to the last
    show every stop.
    """
    total = math.ceil(max(len(leg.frames) / leg.walk for leg in legs))
    film: list[Frame] = []
    gone = 0.0
    for leg in legs:
        gone += leg.share
        film += leg.frames
        film += [leg.frames[-1]] * (round(gone * total) - len(film))
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
