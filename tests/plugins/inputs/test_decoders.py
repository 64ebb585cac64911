"""Every video decoder gives the frames that the ffmpeg program gives, or says that it is not to be believed."""

import pickle
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.errors import BadSample, ComponentError
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import default_registry
from multigraft.plugins.inputs.auto_decoder import build as automatic
from multigraft.plugins.inputs.container import container_of
from multigraft.plugins.inputs.decord_frames import DecordDecoder
from multigraft.plugins.inputs.options import AutoDecoderOptions, VideoOptions
from multigraft.plugins.inputs.picker import FramePicker
from multigraft.plugins.inputs.pyav import probe
from multigraft.plugins.inputs.pyav_frames import PyavDecoder
from multigraft.plugins.inputs.torchcodec_frames import TorchcodecDecoder, trouble
from multigraft.plugins.inputs.video import VideoInput

DECODERS = {"decord": DecordDecoder, "pyav": PyavDecoder, "torchcodec": TorchcodecDecoder}
SIZE = (128, 64)
TIMES = tuple(number / 30 for number in range(40))
UNEVEN = (0, 0.01, 0.02, 0.05, 0.4, 0.41, 0.9, 0.95, 1, 1.5, 1.52)
CLOSED = {"x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=3"}
OPEN = {"x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=3:open-gop=1"}
HEVC = {"x265-params": "log-level=none:keyint=12:min-keyint=12:scenecut=0"}
CLIPS = [("mp4", "libx264", CLOSED), ("mp4", "libx264", OPEN), ("matroska", "libx264", CLOSED),
         ("mpegts", "libx264", {}), ("mp4", "libx265", HEVC), ("mov", "mpeg4", {}), ("avi", "mpeg4", {}),
         ("webm", "libvpx-vp9", {}), ("mp4", "libsvtav1", {})]  # fmt: skip
"""An avi has one rate."""


def probed(data):
    return probe(data, container_of(data), 1 << 30)


def taken(decoder, data, times):
    """All that a decoder gives at some times, and what it says."""
    picker = FramePicker(lambda first: np.array(times), lambda pixels, matrix: pixels.copy())
    doubt = decoder.decode(data, probed(data), picker)
    return doubt, picker.finish() if not doubt else None


@pytest.fixture
def frames_of_ffmpeg(tmp_path):
    """RGB `(frames, height, width, 3)` of the ffmpeg program."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg program")

    def run(data):
        (tmp_path / "clip").write_bytes(data)
        command = ["ffmpeg", "-v", "error", "-i", tmp_path / "clip", "-vsync", "passthrough"]
        raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
        return np.frombuffer(raw.stdout, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)

    return run


@pytest.mark.parametrize(
    ("form", "codec", "options", "times"),
    [(*each, times) for each in CLIPS for times in (TIMES, UNEVEN) if each[0] != "avi" or times is TIMES],
)
def test_all_frames_are_those_of_the_ffmpeg_program(frames_of_ffmpeg, clips, decoder, form, codec, options, times):
    data = clips.make(times, form, codec, SIZE, **options)
    reader, clip = DECODERS[decoder](), probed(data)
    if reader.refusal(clip):
        assert (
            (form, codec) not in [("mp4", "libx264"), ("webm", "libvpx-vp9")] or options is OPEN or decoder == "decord"
        )
        return
    doubt, found = taken(reader, data, clip.times)
    pictures, at = found
    assert (doubt, len(at)) == ("", len(times))
    assert at == pytest.approx(clip.times, abs=1e-4)
    assert np.abs(pictures.astype(int) - frames_of_ffmpeg(data)).max() <= 2


@pytest.mark.parametrize(
    ("form", "codec", "options", "refused_by"),
    [("mp4", "libx264", CLOSED, []), ("matroska", "libx264", CLOSED, ["decord"]),
     ("mpegts", "libx264", CLOSED, ["decord", "torchcodec"]), ("mp4", "libx264", OPEN, ["torchcodec"]),
     ("avi", "mpeg4", {}, ["decord", "torchcodec"]), ("webm", "libvpx-vp9", {}, ["decord"])],
)  # fmt: skip
def test_what_each_decoder_refuses(clips, form, codec, options, refused_by):
    clip = probed(clips.make(TIMES, form, codec, **options))
    assert [name for name, each in DECODERS.items() if each().refusal(clip)] == refused_by


def test_a_decoder_that_sees_other_frames_than_the_packets_promised_says_so(clips, decoder):
    clip = probed(clips.make(TIMES))
    picker = FramePicker(lambda first: clip.times, lambda pixels, matrix: pixels)
    said = DECODERS[decoder]().decode(clips.make(TIMES[:30]), clip, picker)
    assert said.startswith("30 frames, not 40") if decoder != "pyav" else not said


class Doubtful(DecordDecoder):
    """Gives one wrong frame, and says then that it is not to be believed."""

    def decode(self, data, clip, taker):
        taker.offer(0.0, lambda: np.zeros((clip.height, clip.width, 3), np.uint8))
        return "it guesses"

    def fingerprint(self):
        return "guesses"


def test_what_a_doubtful_decoder_gave_is_forgotten(clips, transform):
    reader = VideoInput(VideoOptions(kind="video", frames=3), Doubtful())
    media = reader.decode(clips.make(TIMES), transform(16), None)
    assert [clips.number_of(picture) for picture in media.arrays] == [0, 19, 39]
    assert reader.fingerprint() == "video/2/uniform/3/guesses"


def test_each_runs_in_a_process_that_can_be_ended(clips, transform, built, decoder):
    inputs = [built(VideoOptions(kind="video", frames=3, decoder=decoder))]
    reader = MediaDecoder(inputs, {"visual": transform(16)}, DecodeWorkers())
    try:
        media = reader.decode("mp4", clips.make(TIMES), None, "a clip")
        with pytest.raises(BadSample, match="truncated video"):
            reader.decode("mp4", clips.make(TIMES)[:-100], None, "a cut clip")
    finally:
        reader.close()
    assert [clips.number_of(picture) for picture in media.arrays] == [0, 19, 39]


def test_torchcodec_without_the_libraries_of_ffmpeg_is_refused(monkeypatch):
    monkeypatch.setattr("torchcodec.ffmpeg_major_version", None)
    told = "torchcodec cannot be used here: torchcodec finds no libraries of FFmpeg; `apt install ffmpeg` or "
    with pytest.raises(ComponentError, match=re.escape(told)):
        build_input(default_registry(), VideoOptions(kind="video", decoder="torchcodec"))
    with pytest.raises(RuntimeError, match="no libraries of FFmpeg"):
        TorchcodecDecoder().load()


def test_decoders_with_the_same_frames_have_one_fingerprint(built):
    ways = ("auto", "decord", "pyav", *(["torchcodec"] if not trouble() else []))
    assert {built(VideoOptions(kind="video", decoder=each)).fingerprint() for each in ways} == {"video/2/uniform/8"}


def test_they_travel_to_another_process_without_torch():
    code = "import sys, pickle; pickle.loads(sys.stdin.buffer.read()); sys.exit('torch' in sys.modules)"
    for decoder in (*(each() for each in DECODERS.values()), automatic(AutoDecoderOptions(kind="auto"))):
        reader = VideoInput(VideoOptions(kind="video"), decoder)
        assert subprocess.run([sys.executable, "-c", code], input=pickle.dumps(reader)).returncode == 0


def test_a_decoder_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "torchcodec", raising=False)
    with pytest.raises(ComponentError, match=r"torchcodec needs .*torchcodec: pip install .multigraft\[torchcodec\]"):
        build_input(default_registry(), VideoOptions(kind="video", decoder="torchcodec"))
