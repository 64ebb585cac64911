"""Real files that are hard on decoders, in a process that can be ended: right frames or a named error, and the next
clip is decoded as if nothing had been."""

import shutil
import subprocess
from io import BytesIO

import av
import numpy as np
import pytest

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.errors import BadSample
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import default_registry
from multigraft.core.types.transform import Transform
from multigraft.plugins.inputs.options import VideoOptions

TIMES = tuple(number / 30 for number in range(40))
UNEVEN = (0, 0.01, 0.02, 0.05, 0.4, 0.41, 0.9, 0.95, 1, 1.5, 1.52)
ENDINGS = {"mp4": "mp4", "matroska": "mkv", "mpegts": "ts", "avi": "avi", "webm": "webm"}
NAMED = ("broken video", "truncated video", "no pictures", "not a video", "unknown codec", "too large", "too long")
EIGHT_K = (8192, 4320)


@pytest.fixture(scope="module", params=["decord", "pyav", "torchcodec"])
def pool(request, usable):
    """One decoding process for all clips of a decoder."""
    usable(request.param)
    transform = Transform(16, (0.0,) * 3, (1.0,) * 3)
    options = VideoOptions(kind="video", decoder=request.param, frames=4)
    made = MediaDecoder([build_input(default_registry(), options)], {"visual": transform}, DecodeWorkers(deadline=20.0))
    yield made
    made.close()


@pytest.fixture
def read(pool, clips):
    """Decode a clip; a good one must still be read behind whatever was read."""

    def run(data, form="mp4"):
        return pool.decode(ENDINGS[form], data, None, str(hash(data)))

    yield run
    media = run(clips.make(TIMES))
    assert [clips.number_of(picture) for picture in media.arrays] == [0, 13, 26, 39]


def reason(read, *arguments):
    with pytest.raises(BadSample) as error:
        read(*arguments)
    return error.value.reason


def tried(read, *arguments):
    """The media, or the reason why there are none."""
    try:
        return read(*arguments), ""
    except BadSample as error:
        return None, error.reason


def grey_clip(size, frames, form="mp4", **options):
    """All frames are a grey of 116, where 16 is black and 235 white."""
    stream = BytesIO()
    with av.open(stream, "w", format=form) as container:
        video = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "g": "1", **options})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        frame = av.VideoFrame(*size, "yuv420p")
        for number in range(frames):
            for plane, value in zip(frame.planes, (116, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return stream.getvalue()


@pytest.mark.parametrize(("form", "codec"), [("mp4", "libx264"), ("matroska", "libx264"), ("avi", "mpeg4")])
def test_truncated(read, clips, form, codec):
    data = clips.make(TIMES, form, codec)
    for share in (0.2, 0.6, 0.95):
        assert reason(read, data[: int(len(data) * share)], form) == "truncated video"


def test_half_a_transport_stream_is_a_shorter_clip_or_named(read, clips):
    """It says nowhere how long it should be; a cut between its packets leaves a whole clip."""
    data = clips.make(TIMES, "mpegts")
    cut = data[: len(data) // 188 // 2 * 188]
    media, bad = tried(read, cut, "mpegts")
    truth = [number for _, number in clips.truth(cut)]
    assert bad in NAMED or [clips.number_of(each) for each in media.arrays[[0, -1]]] == [truth[0], truth[-1]]


def test_no_bytes_and_sound_alone(read, sound_alone):
    assert reason(read, b"") == "empty file"
    assert reason(read, sound_alone) == "no pictures"


def test_changing_rate(read, clips):
    media = read(clips.make(UNEVEN))
    assert [clips.number_of(picture) for picture in media.arrays] == [0, 5, 8, 10]
    assert media.times.tolist() == pytest.approx([0, 0.41, 1, 1.52], abs=1e-4)


def test_eight_k_is_refused_from_the_header(read):
    assert reason(read, grey_clip(EIGHT_K, 1)) == "too large"


def test_eight_k_is_decoded_where_it_is_allowed(decode):
    media = decode(grey_clip(EIGHT_K, 1), max_pixels=EIGHT_K[0] * EIGHT_K[1])
    assert np.abs(media.arrays[0] - 100 * 255 / 219).max() < 2


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_tag_of_the_ffmpeg_program_turns(read, tmp_path, turn):
    """The left half is white: shown upright after a quarter turn to the right, it is on top."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg program")
    source = ["-f", "lavfi", "-i", "color=black:s=64x32:r=10:d=1,drawbox=w=32:h=32:color=white:t=fill"]
    plain, tagged = tmp_path / "plain.mp4", tmp_path / "tagged.mp4"
    subprocess.run(["ffmpeg", "-v", "error", *source, "-pix_fmt", "yuv420p", plain], check=True)
    tag = ["-c", "copy", "-metadata:s:v", f"rotate={turn}"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", plain, *tag, tagged], check=True)
    first = ["-frames:v", "1", "-s", "16x16", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    expected = subprocess.run(["ffmpeg", "-v", "error", "-i", tagged, *first], capture_output=True, check=True).stdout
    shown = np.frombuffer(expected, np.uint8).reshape(16, 16).astype(float)
    assert shown.std() > 100
    assert np.abs(read(tagged.read_bytes()).arrays[0].mean(0) - shown).mean() < 8


def test_rubbish_anywhere_is_named_or_does_no_harm(read, clips):
    """Bytes are overwritten at places of one seed; decoders that crash or hang would be told so."""
    random = np.random.default_rng(0)
    for form, codec in (("mp4", "libx264"), ("matroska", "libx264"), ("mpegts", "libx264"), ("webm", "libvpx-vp9")):
        data = clips.make(TIMES, form, codec)
        for length in (1, 4, 64) * 3:
            damaged = bytearray(data)
            place = int(random.integers(0, len(data) - length))
            damaged[place : place + length] = random.bytes(length)
            media, bad = tried(read, bytes(damaged), form)
            assert bad in NAMED or (media.arrays.shape[1:] == (3, 16, 16) and (np.diff(media.times) > 0).all()), bad
