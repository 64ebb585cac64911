"""A clip that is encoded again has the same frames at the same times, and is quick to look into."""

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest

from multigraft.core.errors import BadSample
from multigraft.plugins.inputs.access import begins_anew
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.pyav import probe
from multigraft.plugins.inputs.reencode import reencode

EVEN = tuple(number / 30 for number in range(40))
UNEVEN = (0, 0.01, 0.02, 0.05, 0.4, 0.41, 0.9, 0.95, 1, 1.5, 1.52, *(1.6 + number / 60 for number in range(30)))
SOURCES = [("mp4", "libx264"), ("mov", "mpeg4"), ("matroska", "libx264"), ("mpegts", "libx264"), ("webm", "libvpx-vp9"),
           ("mp4", "libx265"), ("mp4", "libsvtav1")]  # fmt: skip


def scene(number, width=160, height=120):
    """A soft pattern that moves."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    waves = [np.sin((x + 2 * number) / (9 + band) + y / 17) * np.cos(y / (11 + band)) for band in range(3)]
    return (128 + 90 * np.stack(waves, -1)).astype(np.uint8)


def clip(frames=40, form="mp4", size=(160, 120), sound=False, pixels="yuv420p", crf="12", codec="libx264", **tags):
    """A clip of `scene`, perhaps with a tone."""
    stream = BytesIO()
    with av.open(stream, "w", format=form) as container:
        video = container.add_stream(codec, rate=30, options={"crf": crf, "g": "250"})
        video.width, video.height, video.pix_fmt = *size, pixels
        for name, value in tags.items():
            setattr(video.codec_context, name, value)
        audio = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        for number in range(frames):
            container.mux(video.encode(av.VideoFrame.from_ndarray(scene(number, *size), format="rgb24")))
        container.mux(video.encode())
        if audio:
            tone = np.sin(np.arange(frames * 16000 // 30) / 8).astype(np.float32)[None] / 2
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return stream.getvalue()


def shown(data):
    """Times and pictures of a clip."""
    with av.open(BytesIO(data)) as container:
        found = [(float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24").astype(float))
                 for frame in container.decode(video=0)]  # fmt: skip
        start = container.start_time / av.time_base
    return [time - start for time, _ in found], np.stack([picture for _, picture in found])


def probed(data):
    return probe(data, "mov", 1 << 30)


def psnr(found, expected):
    return 10 * np.log10(255**2 / np.mean((found - expected) ** 2))


@pytest.mark.parametrize("tags", [{}, {"pixels": "yuvj420p"}, {"colorspace": 1, "color_range": 1}])
def test_pictures_are_nearly_the_same(tags):
    data = clip(**tags)
    (before, pictures), (after, again) = shown(data), shown(reencode(data, 120))
    assert after == pytest.approx(before, abs=1e-6)
    assert psnr(again, pictures) > 35


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(("form", "codec"), SOURCES)
def test_each_frame_keeps_its_time(clips, form, codec, times):
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    data = clips.make(times, form, codec, **quiet)
    before, after = clips.truth(data), clips.truth(reencode(data, 64))
    assert [number for _, number in after] == [number for _, number in before] == list(range(len(times)))
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=1e-5)


def test_a_frame_at_which_decoding_can_begin_is_every_twelfth(clips):
    with av.open(BytesIO(reencode(clips.make(UNEVEN), 64))) as container:
        context = container.streams.video[0].codec_context
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    begins = [begins_anew("h264", bytes(packet), context.extradata) for packet in packets]
    assert [number for number, begin in enumerate(begins) if begin] == [0, 12, 24, 36]
    assert all(packet.pts == packet.dts for packet in packets)


@pytest.mark.parametrize(
    ("size", "shorter", "expected"),
    [((160, 120), 60, (80, 60)), ((120, 160), 60, (60, 80)), ((160, 120), 500, (160, 120)), ((64, 30), 7, (12, 6))],
)
def test_the_shorter_side_is_no_longer_than_asked(size, shorter, expected):
    _, pictures = shown(reencode(clip(2, size=size), shorter))
    assert pictures.shape[2:0:-1] == expected


def test_odd_sides_become_even():
    data = clip(2, "webm", (129, 65), codec="libvpx-vp9")
    assert shown(data)[1].shape[1:3] == (65, 129)
    assert shown(reencode(data, 500))[1].shape[1:3] == (64, 128)


def test_the_same_bytes_come_of_the_same_clip():
    data = clip(sound=True)
    assert reencode(data, 100, sound=True) == reencode(data, 100, sound=True)


@pytest.mark.parametrize("form", ["mp4", "matroska"])
def test_sound_is_dropped_or_kept_as_it_was(form):
    data = clip(sound=True, form=form)
    with av.open(BytesIO(reencode(data, 120))) as container:
        assert not container.streams.audio
    kept = reencode(data, 120, sound=True)
    assert shown(kept)[0] == pytest.approx(shown(data)[0], abs=1e-3)
    with av.open(BytesIO(kept)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(sound) == pytest.approx(40 * 16000 / 30, abs=2 * 1024)
    assert np.abs(np.fft.rfft(sound[2048:18432])).argmax() == pytest.approx(16384 / 8 / (2 * np.pi), abs=1)


def test_without_sound_there_is_none_to_keep():
    with av.open(BytesIO(reencode(clip(3), 120, sound=True))) as container:
        assert not container.streams.audio


def test_a_clip_that_starts_late_counts_from_its_start(clips):
    late = clips.remux(clips.make(EVEN), "matroska", later=5.0)
    times, numbers = np.array(clips.truth(reencode(late, 64))).T
    assert numbers.tolist() == list(range(40))
    assert times == pytest.approx(np.array(clips.truth(late))[:, 0], abs=1e-6)


def test_the_last_frame_is_shown_as_long(clips):
    data = clips.make((0.0, 0.5, 1.0))
    ends = [probed(each).end for each in (data, reencode(data, 64))]
    assert ends[0] == ends[1] > 1


def test_what_no_decoder_reads_is_not_encoded_again(clips):
    for data, reason in ((b"", "empty file"), (b"<html>", "not a video"), (clips.make(EVEN)[:-100], "truncated video")):
        with pytest.raises(BadSample) as error:
            reencode(data, 64)
        assert error.value.reason == reason
    with pytest.raises(BadSample, match="too large"):
        reencode(clips.make(EVEN), 64, limits=VideoOptions(kind="video", max_pixels=128 * 64 - 1))
    with pytest.raises(BadSample, match="too long"):
        reencode(clips.make(EVEN, unit=Fraction(1, 12800)), 64, limits=VideoOptions(kind="video", max_seconds=1))
