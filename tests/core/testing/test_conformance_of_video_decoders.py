"""What the checks of video decoders find."""

import av
import numpy as np
import pytest

from multigraft.core.interfaces.video_decoder import VideoDecoder
from multigraft.core.options.video_decoder_options import VideoDecoderOptions
from multigraft.core.testing.conformance import check_built

ANY = VideoDecoderOptions(kind="any")


class Plain(VideoDecoder):
    """All frames of h264 in order, each told by its number; subclasses do one thing wrong."""

    def refusal(self, clip):
        return "" if clip.codec == "h264" else clip.codec

    def decode(self, data, clip, taker):
        for number, frame in enumerate(self.decoded(data)):
            taker.offer(self.time(number), lambda frame=frame: self.pixels(frame))
        return ""

    def decoded(self, data):
        from io import BytesIO

        with av.open(BytesIO(data)) as container:
            yield from container.decode(video=0)

    def time(self, number):
        return number / 10

    def pixels(self, frame):
        return frame.to_ndarray(format="rgb24")


class OneLate(Plain):
    def time(self, number):
        return (number + 1) / 10


class Backwards(Plain):
    def time(self, number):
        return (5 - number) / 10


class ChannelsFirst(Plain):
    def pixels(self, frame):
        return super().pixels(frame).transpose(2, 0, 1)


class Dark(Plain):
    def pixels(self, frame):
        return np.zeros_like(super().pixels(frame))


class Silent(Plain):
    def decoded(self, data):
        return ()


class GivesUp(Plain):
    def decode(self, data, clip, taker):
        return "no idea"


class NoText(Plain):
    def decode(self, data, clip, taker):
        super().decode(data, clip, taker)


class Wavering(Plain):
    def fingerprint(self):
        return str(id(self))


def found(made):
    kept = []

    def build(options):
        kept.append(made())
        return kept[-1]

    return check_built("video_decoders", build, ANY)


def test_a_decoder_that_keeps_the_contract_has_no_findings():
    assert found(Plain) == []


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (OneLate, "of h264 in mp4 the frame at 0.2 s is not frame 2, shown from 0.2 s"),
        (Backwards, "of h264 in mp4 its frames come in the order [0.5, 0.4, 0.3, 0.2, 0.1, 0.0] s"),
        (ChannelsFirst, "of h264 in mp4 frames are (3, 48, 64) uint8, no (48, 64, 3) uint8"),
        (Dark, "of h264 in mp4 the frame at 0 s is not frame 0, shown from 0 s"),
        (Silent, "of h264 in mp4 it refuses nothing and gives no frames: "),
        (GivesUp, "of h264 in mp4 it refuses nothing and gives no frames: no idea"),
        (NoText, "of h264 in mp4 `decode` gives NoneType, no text"),
        (Wavering, "its fingerprint differs when it is built again with the same options"),
    ],
)
def test_what_a_decoder_does_wrong_is_told(made, line):
    assert line in found(made)
