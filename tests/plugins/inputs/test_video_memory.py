"""A clip takes at most its 24 latest decoded frames, the sampled ones at target size, and 64 MB."""

import json
import subprocess
import sys
from io import BytesIO

import av
import pytest

MEASURED = """
import json, resource, sys
from multigraft.core.errors import BadSample
from multigraft.core.types.transform import Transform
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import default_registry

transform = Transform(int(sys.argv[3]), (0.0,) * 3, (1.0,) * 3, fit=sys.argv[4])
video = build_input(default_registry(), VideoOptions(kind="video", **json.loads(sys.argv[5])))

def decode(path):
    with open(path, "rb") as file:
        try:
            return video.decode(file.read(), transform, None).arrays.nbytes
        except BadSample as error:
            return error.reason

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

decode(sys.argv[1])
before = peak()
print(json.dumps([decode(sys.argv[2]), peak() - before]))
"""


def even_clip(frames, width, height, form="mp4", codec="libx264", muxing=(), **options):
    """A clip of two colours in turn, quickly made and small."""
    stream = BytesIO()
    with av.open(stream, "w", format=form, options=dict(muxing)) as container:
        video = container.add_stream(codec, rate=30, options={"preset": "ultrafast", **options})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame(width, height, "yuv420p")
        for number in range(frames):
            for plane in frame.planes:
                plane.update(bytes([16 + number % 2 * 8]) * plane.buffer_size)
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return stream.getvalue()


@pytest.fixture
def measure(tmp_path):
    """What decoding gives, and by how many bytes the peak of a process rose that had decoded a small clip before."""

    def run(data, size=224, fit="stretch", **options):
        (tmp_path / "small.mp4").write_bytes(even_clip(30, 64, 48))
        (tmp_path / "clip").write_bytes(data)
        command = [sys.executable, "-c", MEASURED, tmp_path / "small.mp4", tmp_path / "clip", str(size), fit]
        done = subprocess.run([*command, json.dumps(options)], capture_output=True, check=True)
        return json.loads(done.stdout)

    return run


CLIPS = {
    "large": (45, 2560, 1440, {}),
    "many reference frames": (40, 1280, 720, {"x264-params": "ref=16:bframes=16:keyint=250:level=62"}),
    "wide": (40, 16384, 16, {}),
    "tall": (40, 16, 16384, {}),
    "long": (2000, 64, 48, {}),
    "as long as decord may read": (140, 320, 240, {}),
}


@pytest.mark.parametrize(("name", "fit"), [*((name, "stretch") for name in CLIPS), ("wide", "crop"), ("tall", "crop")])
def test_a_clip_takes_little_memory(measure, name, fit):
    frames, width, height, options = CLIPS[name]
    samples, rose = measure(even_clip(frames, width, height, **options), fit=fit)
    assert rose < 24 * width * height * 3 // 2 + samples + (64 << 20)


def test_many_frames_are_held_at_target_size_and_once(measure):
    samples, rose = measure(even_clip(400, 320, 240), size=256, frames=400)
    assert samples == 400 * 3 * 256 * 256
    assert rose < 24 * 320 * 240 * 3 // 2 + samples + (64 << 20)


@pytest.mark.parametrize("form", ["mp4", "mpegts"])
def test_frames_that_are_too_large_are_refused_before_one_is_decoded(measure, form):
    found, rose = measure(even_clip(1, 4096, 4096, form))
    assert found == "too large"
    assert rose < 4096 * 4096


def test_frames_that_grow_within_a_clip_are_refused_too(measure):
    again = {"mpegts_flags": "+initial_discontinuity"}
    grows = even_clip(30, 64, 48, "mpegts") + even_clip(1, 4096, 4096, "mpegts", muxing=again)
    found, rose = measure(grows)
    assert found == "broken video"
    assert rose < 4096 * 4096
