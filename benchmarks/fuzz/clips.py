"""Hostile videos: tiny clips of many containers and codecs, their tables, sizes and packets changed."""

import struct
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

import av
import numpy as np
from ends import Ends
from measure import children
from noise import extreme, noisy
from payloads import Payloads

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import default_registry
from multigraft.core.types.media import Media, Span
from multigraft.core.types.transform import Transform

MAX_PIXELS = 1 << 20
"""What the options of this input allow."""
_SIDE, _FRAMES = 16, 6
_FORMS = (
    ("mp4", "libx264", "mp4"), ("mp4", "mpeg4", "mp4"), ("mov", "libx264", "mov"), ("matroska", "libx264", "mkv"),
    ("webm", "libvpx", "webm"), ("webm", "libvpx-vp9", "webm"), ("avi", "mpeg4", "avi"), ("mpegts", "mpeg2video", "ts"),
    ("mpegts", "libx264", "ts"), ("mpeg", "mpeg2video", "mpg"), ("avi", "mjpeg", "avi"), ("mp4", "libx265", "mp4"),
)  # fmt: skip
_ATOMS = (
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz", b"stts", b"ctts", b"stsc", b"stco", b"stss", b"stsd", b"mdhd",
    b"tkhd", b"elst", b"mvhd", b"avcC", b"hvcC", b"esds", b"mdat", b"ftyp", b"hdlr", b"dinf", b"avc1", b"strf", b"avih",
    b"idx1", b"strh", b"movi",
)  # fmt: skip
_SPANS = (
    (0.0, 0.1), (0.05, 0.05), (0.0, 1e9), (-5.0, 5.0), (1e300, 1e308), (float("nan"), 1.0), (0.0, float("inf")),
    (2.0, 1.0), (-1e9, -1.0), (0.1, 0.2),
)  # fmt: skip


@cache
def clip(form: str, codec: str) -> bytes:
    """A small clip; empty where PyAV has no such encoder."""
    if codec not in av.codecs_available:
        return b""
    stream = BytesIO()
    with av.open(stream, "w", format=form, options={"fflags": "+bitexact"}) as container:
        options = (
            {"x265-params": "log-level=none:pools=none:frame-threads=1"}
            if codec == "libx265"
            else {"g": "3", "threads": "1"}
        )
        video = container.add_stream(codec, rate=25, options=options)
        video.width = video.height = 32 if codec == "libx265" else 16
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.codec_context.time_base = Fraction(1, 25)
        for number in range(_FRAMES):
            grey = np.full((video.height, video.width, 3), 40 * number, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(video.encode())
    return stream.getvalue()


def hostile_clip(draw: Random, data: bytes, ending: str) -> bytes:
    kind = draw.random()
    if kind < 0.5 and ending in ("mp4", "mov", "avi"):
        for _ in range(draw.choice((1, 1, 2, 4))):
            data = _atom(draw, data)
        return data
    if kind < 0.5 and ending == "ts":
        return _packets(draw, data)
    if kind < 0.6:
        at = draw.randrange(len(data))
        return data[:at] + data[at:][:: draw.choice((1, -1))] + draw.choice((b"", data, data[at:], bytes(4096)))
    return noisy(draw, data)


def _atom(draw: Random, data: bytes) -> bytes:
    """A number near the name of an atom or chunk, or its own size, made extreme."""
    name = draw.choice([each for each in _ATOMS if each in data] or [data[:4]])
    at = data.index(name) + draw.choice((-4, -4, 4, 8, 8, 12, 16, 20, 24, 32, 48))
    order = "<" if data[:4] == b"RIFF" else ">"
    value = draw.choice((extreme(draw) % 2**32, draw.randrange(40), len(data), 100_000, 3_000_000))
    kind = draw.randrange(8)
    at = max(at, 0)
    if kind <= 5:
        return data[:at] + struct.pack(f"{order}I", value) + data[at + 4 :]
    if kind == 6:
        return data.replace(name, draw.choice(_ATOMS), 1)
    return data[:at] + noisy(draw, data[at : at + 64], 1) + data[at + 64 :]


def _packets(draw: Random, data: bytes) -> bytes:
    """The packets of a transport stream in another order, with other flags and counters."""
    packets = [bytearray(data[start : start + 188]) for start in range(0, len(data), 188)]
    for _ in range(draw.choice((1, 2, 5))):
        packet = draw.choice(packets)
        packet[draw.randrange(1, 24)] = draw.choice((0, 1, 0x47, 0x7F, 0xFF, draw.randrange(256)))
    kind = draw.randrange(4)
    if kind == 0:
        draw.shuffle(packets)
    elif kind == 1:
        packets += packets * draw.choice((1, 3))
    elif kind == 2:
        del packets[draw.randrange(len(packets))]
    return b"".join(packets)


class Clips:
    """Clips of a run, decoded in a process of their own by whatever decoder a recipe takes that names none."""

    def __init__(self, watched: Path) -> None:
        self._payloads, registry = Payloads(watched), default_registry()
        given = {"kind": "video", "frames": 4, "max_pixels": MAX_PIXELS}
        options = registry.options("inputs", "video").model_validate(given, context={"registry": registry})
        transform = Transform(_SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self._decoder = MediaDecoder([build_input(registry, options)], {"visual": transform}, DecodeWorkers(deadline=8))
        self._forms = [(form, codec, ending) for form, codec, ending in _FORMS if clip(form, codec)]

    def whole(self, folder: Path) -> None:
        for number, (form, codec, ending) in enumerate(self._forms):
            (folder / f"{number}.{ending}").write_bytes(clip(form, codec))

    def make(self, draw: Random, folder: Path) -> None:
        self._start()
        form, codec, ending = draw.choice(self._forms)
        data = hostile_clip(draw, clip(form, codec), ending)
        if draw.random() < 0.02:
            data = draw.choice((*self._payloads.binary, b"", b"#EXTM3U\nfile:///etc/passwd", b"ffconcat version 1.0\n"))
        span = draw.choice(_SPANS) if draw.random() < 0.15 else None
        (folder / f"0.{ending}").write_bytes(data)
        if span:
            (folder / "span").write_text(f"{span[0]!r} {span[1]!r}")

    def _start(self) -> None:
        """Start the decoding process where the last case ended it, so that no case pays for it."""
        if not children():
            self._decoder.decode("mp4", clip(*_FORMS[0][:2]), None, "sound")

    def read(self, folder: Path, ends: Ends) -> None:
        span = None
        if (folder / "span").exists():
            span = Span(*map(float, (folder / "span").read_text().split()))
        for path in sorted(each for each in folder.iterdir() if each.name != "span"):
            media = ends.of(self._decoder.decode, path.name, path.read_bytes(), span, str(path))
            if media is not None:
                _check(media)


def _check(media: Media) -> None:
    arrays, times = media.arrays, media.times
    if arrays is None or arrays.dtype != np.uint8 or arrays.shape[1:] != (3, _SIDE, _SIDE) or not len(arrays):
        raise AssertionError(f"frames of another form: {arrays!r}")
    if len(times) != len(arrays) or not np.isfinite(times).all():
        raise AssertionError(f"times {times} of {len(arrays)} frames")
