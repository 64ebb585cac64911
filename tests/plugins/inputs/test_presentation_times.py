"""A frame is known by the time at which it is shown, whatever a container does before, between or after."""

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest

from multigraft.core.errors import BadSample
from multigraft.core.types.media import Span

EVEN = tuple(number / 30 for number in range(60))
UNEVEN = (0, 0.01, 0.02, 0.05, 0.4, 0.41, 0.9, 0.95, 1, 1.5, 1.52, *(1.6 + number / 60 for number in range(30)))
LONG = tuple(number / 30 for number in range(200))
SPANS = (None, Span(0.5, 0.9), Span(1.0, 1.0), Span(0.21, 1.37), Span(1.0, 99.0))
X264 = {
    "closed": "keyint=12:min-keyint=12:scenecut=0:bframes=3",
    "open": "keyint=12:min-keyint=12:scenecut=0:bframes=3:open-gop=1",
    "pyramid": "keyint=12:min-keyint=12:scenecut=0:bframes=5:b-pyramid=normal",
    "intra-refresh": "keyint=12:scenecut=0:bframes=0:intra-refresh=1",
}


@pytest.fixture
def check(decode, clips, decoder):
    """Compare what a decoder takes of a clip, for several spans, with its sequential decode."""

    def run(data, *spans):
        truth = clips.truth(data)
        for span in spans or SPANS:
            media = decode(data, span, decoder=decoder, frames=5)
            shown = [max(each for each in truth if each[0] <= time + 1e-4) for time in media.times]
            assert media.times == pytest.approx([time for time, _ in shown], abs=1e-4)
            assert [clips.number_of(picture) for picture in media.arrays] == [number for _, number in shown]
            if span:
                at_start = [each for each in truth if each[0] <= span.start + 1e-3] or truth[:1]
                assert clips.number_of(media.arrays[0]) == at_start[-1][1], decoder

    return run


@pytest.fixture
def x264(clips):
    def make(kind, times=EVEN, form="mp4", **options):
        return clips.make(times, form, "libx264", **{"x264-params": X264[kind]}, **options)

    return make


@pytest.mark.parametrize("first", [0, 5, 11, 13])
@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("kind", X264)
def test_clips_cut_anywhere(check, clips, x264, kind, form, first):
    check(clips.remux(x264(kind, form=form), form, first))


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(
    ("form", "codec"),
    [("mp4", "libx264"), ("mov", "mpeg4"), ("matroska", "libx264"), ("mpegts", "libx264"), ("webm", "libvpx-vp9"),
     ("webm", "libvpx"), ("mp4", "libsvtav1")],
)  # fmt: skip
def test_even_and_changing_rates(check, clips, form, codec, times):
    check(clips.make(times, form, codec))


@pytest.mark.parametrize(("codec", "options"), [("libx264", {}), ("mpeg4", {"bf": "2"}), ("mpeg4", {})])
def test_avi_which_has_no_presentation_times(check, clips, codec, options):
    check(clips.make(EVEN, "avi", codec, **options))


@pytest.mark.parametrize("form", ["mpegts", "mpeg"])
def test_mpeg_2_streams(check, clips, form):
    check(clips.make(tuple(number / 25 for number in range(50)), form, "mpeg2video", unit=Fraction(1, 25), bf="2"))


@pytest.mark.parametrize("gop", ["open-gop=1", "open-gop=0"])
@pytest.mark.parametrize("first", [0, 9, 20])
def test_hevc(check, clips, gop, first):
    params = f"log-level=none:keyint=12:min-keyint=12:scenecut=0:{gop}"
    check(clips.remux(clips.make(EVEN, "mp4", "libx265", **{"x265-params": params}), "mp4", first))


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts"])
def test_times_count_from_the_start_of_a_clip_that_starts_late(decode, check, clips, x264, form):
    late = clips.remux(x264("closed"), form, later=5.0)
    check(late)
    assert decode(late).times[[0, -1]] == pytest.approx([0, 59 / 30], abs=0.002)


@pytest.mark.parametrize("later", [-0.1, -1.0])
def test_frames_before_zero_which_matroska_gives_no_time(check, clips, x264, later):
    check(clips.remux(x264("closed"), "matroska", later=later, avoid_negative_ts="disabled"))


@pytest.mark.parametrize("later", [-0.5, -0.7, 0.3])
def test_frames_that_an_edit_list_hides_or_delays(check, clips, x264, later):
    edited = clips.remux(x264("closed"), "mp4", 5, later, avoid_negative_ts="disabled", use_editlist="1")
    check(edited, None, Span(0.5, 0.9), Span(1.0, 1.0))


@pytest.mark.parametrize(
    ("form", "muxing"),
    [("mp4", {"movflags": "frag_keyframe+empty_moov"}), ("matroska", {"live": "1"}),
     ("mpegts", {"mpegts_m2ts_mode": "1"})],
)  # fmt: skip
def test_fragments_and_containers_without_an_index(check, clips, x264, form, muxing):
    check(clips.remux(x264("closed"), form, **muxing))


@pytest.mark.parametrize(("form", "codec"), [("matroska", "libx265"), ("webm", "libvpx-vp9"), ("mov", "mpeg4")])
def test_jumps_in_other_codecs(check, clips, form, codec):
    quiet = {"x265-params": "log-level=none:keyint=24:min-keyint=24:scenecut=0"} if codec == "libx265" else {}
    check(clips.make(LONG, form, codec, **quiet), None, Span(3.03, 5))


@pytest.mark.parametrize("form", ["mp4", "matroska"])
@pytest.mark.parametrize("kind", ["closed", "open", "intra-refresh"])
def test_long_clips_in_which_pyav_jumps(check, x264, kind, form):
    check(x264(kind, LONG, form), None, Span(0.5, 6), Span(6.2, 6.3), Span(3.03, 5))


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "libvpx-vp9"])
def test_key_frames_that_are_none_are_not_jumped_to(check, clips, codec):
    """An mp4 without its list of sync samples: each frame is said to be a key frame."""
    quiet = {"x265-params": "log-level=none:keyint=24"} if codec == "libx265" else {}
    data = clips.make(LONG, "mp4", codec, **quiet)
    assert data.count(b"stss") == 1
    check(data.replace(b"stss", b"free"), None, Span(6.2, 6.3))


def test_frames_that_come_before_the_first_key_frame_of_an_avi_are_left_out(decode, clips):
    """FFmpeg decodes them to grey rubbish."""
    media = decode(clips.remux(clips.make(EVEN, "avi", "mpeg4"), "avi", 5), frames=4)
    numbers = [clips.number_of(picture) for picture in media.arrays]
    assert numbers[0] == 12
    assert np.diff(media.times) == pytest.approx(np.diff(numbers) / 30, abs=0.002)


@pytest.mark.parametrize(
    ("span", "reason"),
    [((float("nan"), 1.0), "bad span"), ((0.0, float("nan")), "bad span"), ((1.0, 0.5), "bad span"),
     ((2.1, 9.0), "empty span"), ((float("inf"), float("inf")), "empty span"), ((-3.0, -1.0), "empty span")],
)  # fmt: skip
def test_spans_that_hold_nothing_are_named(decode, clips, span, reason):
    with pytest.raises(BadSample) as error:
        decode(clips.make(EVEN), Span(*span))
    assert error.value.reason == reason


def test_a_span_before_the_first_frame_that_can_be_decoded_is_empty(decode, clips, x264):
    with pytest.raises(BadSample, match="empty span"):
        decode(clips.remux(x264("closed"), "matroska", 5), Span(0, 0.2))


@pytest.mark.parametrize(
    ("span", "numbers"),
    [((0.51, 0.52), [15]), ((1.99, 5.0), [59]), ((1.9, float("inf")), [57, 58, 59]), ((-1.0, 0.05), [0, 1])],
)
def test_a_span_takes_what_is_shown_in_it_as_far_as_the_clip_goes(decode, clips, span, numbers):
    media = decode(clips.make(EVEN), Span(*span))
    assert [clips.number_of(picture) for picture in media.arrays] == numbers


def test_a_clip_of_one_frame(decode, clips):
    assert decode(clips.make((0.0,))).times.tolist() == [0.0]
    assert decode(clips.make((0.0,)), Span(0, 5)).times.tolist() == [0.0]


def test_what_the_header_says_of_length_does_not_matter(check, clips):
    data = bytearray(clips.make(EVEN))
    for box, place in ((b"mvhd", 20), (b"mdhd", 20)):  # the durations, now an hour
        at = data.index(box) + place
        data[at : at + 4] = (3600 * 12800).to_bytes(4, "big")
    check(bytes(data))


def test_a_cover_is_not_a_clip(decode):
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=16000)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame(32, 32, "yuvj420p")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(BadSample, match="no pictures"):
        decode(stream.getvalue())
