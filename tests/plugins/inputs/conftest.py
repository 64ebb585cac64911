from fractions import Fraction
from functools import cache, partial
from io import BytesIO

import av
import numpy as np
import pytest

from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import default_registry
from multigraft.core.types.transform import Transform
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.torchcodec_frames import trouble

BITS = 8


@pytest.fixture
def transform():
    """To 16 x 16, stretched, unless told."""

    def make(size=16, **options):
        return Transform(size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), **options)

    return make


@pytest.fixture(scope="session")
def usable():
    """Skip a test, and say why, where a video decoder cannot be used."""

    def check(name):
        if name == "torchcodec" and (why := trouble()):
            pytest.skip(why)

    return check


@pytest.fixture(params=["decord", "pyav", "torchcodec"])
def decoder(request, usable):
    """The name of each video decoder."""
    usable(request.param)
    return request.param


@pytest.fixture
def built():
    """An input of options, with its video decoder."""
    return partial(build_input, default_registry())


@pytest.fixture
def decode(transform, built):
    def run(data, span=None, size=16, **options):
        return built(VideoOptions(kind="video", **options)).decode(data, transform(size), span)

    return run


class NumberedClips:
    """Clips whose frames carry their number: eight stripes, black or white, the lowest bit on the left."""

    @staticmethod
    @cache
    def make(times, form="mp4", codec="libx264", size=(128, 64), muxing=(), unit=Fraction(1, 12800), **options):
        """A clip with a frame at each of `times` in seconds, in whole units; muxing are options of the container."""
        stream = BytesIO()
        with av.open(stream, "w", format=form, options=dict(muxing)) as container:
            video = container.add_stream(codec, rate=min(30, 1 / unit), options={"g": "12", **options})
            video.width, video.height = size
            video.pix_fmt = "yuv420p"
            video.codec_context.time_base = unit
            for number, time in enumerate(times):
                stripes = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8) * 255
                row = np.repeat(stripes, size[0] // BITS)
                picture = np.broadcast_to(row[None, :, None], (size[1], size[0], 3))
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                frame.pts, frame.time_base = round(time / unit), unit
                container.mux(video.encode(frame))
            container.mux(video.encode())
        return stream.getvalue()

    @staticmethod
    def remux(data, form, first=0, later=0.0, **muxing):
        """The packets from number `first` on, `later` seconds later, in another container; nothing is encoded again."""
        stream = BytesIO()
        with av.open(BytesIO(data)) as source, av.open(stream, "w", format=form, options=muxing) as target:
            copy = target.add_stream_from_template(source.streams.video[0])
            for number, packet in enumerate(source.demux(source.streams.video[0])):
                if packet.size and number >= first:
                    shift = round(later / packet.time_base)
                    packet.pts += shift
                    packet.dts = None if packet.dts is None else packet.dts + shift
                    packet.stream = copy
                    target.mux(packet)
        return stream.getvalue()

    @staticmethod
    def number_of(picture):
        """The number that a picture `(3, size, size)` carries."""
        stripes = picture.mean((0, 1)).reshape(BITS, -1).mean(1)
        return sum(int(stripe > 127) << bit for bit, stripe in enumerate(stripes))

    @classmethod
    def truth(cls, data):
        """Time and number of each frame of a sequential decode that has a time, by time from the container's start."""
        found = []
        with av.open(BytesIO(data)) as container:
            start = container.start_time / av.time_base
            for packet in container.demux(video=0):
                for frame in cls._decoded(packet):
                    picture = frame.to_ndarray(format="rgb24").transpose(2, 0, 1)
                    stamp = frame.dts if frame.pts is None else frame.pts
                    if stamp is not None:
                        found.append((float(stamp * frame.time_base) - start, cls.number_of(picture)))
        return sorted(found)

    @staticmethod
    def _decoded(packet):
        try:
            return packet.decode()
        except av.InvalidDataError:  # as players do, which go on with the next packet
            return []


@pytest.fixture(scope="session")
def clips():
    return NumberedClips


@pytest.fixture(scope="session")
def sound_alone():
    """The bytes of an mp4 without pictures."""
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return stream.getvalue()
