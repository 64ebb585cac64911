import struct
from io import BytesIO

import av
import numpy as np
import pytest

from multigraft.core.errors import BadSample
from multigraft.core.types.media import Span
from multigraft.plugins.inputs.options import VideoOptions

CONTAINERS = [("mp4", "libx264"), ("mov", "libx264"), ("matroska", "libx264"), ("avi", "mpeg4"), ("webm", "libvpx-vp9")]


def numbers(media):
    """Which frames these are: frame n of the clip is a grey of 4 n."""
    return [round(float(frame.mean()) / 4) for frame in media.arrays]


def reason_of(decode, data, **options):
    with pytest.raises(BadSample) as error:
        decode(data, **options)
    return error.value.reason


@pytest.mark.parametrize(("form", "codec"), [*CONTAINERS, ("mpegts", "libx264")])
def test_frames_are_spread_over_the_clip_both_ends_included(decode, clip_file, form, codec, decoder):
    finest = {"qmin": "1", "qmax": "1"} if codec == "mpeg4" else {}
    media = decode(clip_file(31, form, codec, **finest), decoder=decoder, frames=4)
    assert (media.kind, media.arrays.shape, media.arrays.dtype) == ("video", (4, 3, 16, 16), np.uint8)
    assert numbers(media) == [0, 10, 20, 30]
    assert media.times == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=0.002)


def test_a_clip_shorter_than_asked_gives_each_frame_once(decode, clip_file):
    assert numbers(decode(clip_file(3), frames=8)) == [0, 1, 2]
    assert numbers(decode(clip_file(1), frames=8)) == [0]
    assert numbers(decode(clip_file(31), frames=1)) == [15]


def test_a_span_is_kept_to(decode, clip_file):
    media = decode(clip_file(31), Span(0.5, 0.8), frames=4)
    assert numbers(media) == [15, 18, 21, 24]
    assert media.times == pytest.approx([0.5, 0.6, 0.7, 0.8], abs=0.001)
    assert reason_of(decode, clip_file(31), span=Span(5, 6)) == "empty span"


def test_fps_sampling_is_uniform_where_it_would_be_too_many(decode, clip_file):
    clip = clip_file(31)
    assert numbers(decode(clip, sampling="fps", fps=3, frames=8)) == [0, 10, 20, 30]
    assert numbers(decode(clip, sampling="fps", fps=30, frames=3)) == [0, 15, 30]


def cut_by_edit_list(data, first, hidden):
    """The packets from frame `first` on, copied; an edit list hides the first `hidden` of them."""
    stream = BytesIO()
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(BytesIO(data)) as source, av.open(stream, "w", format="mp4", options=options) as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None and packet.pts >= first * packet.duration:
                packet.pts -= (first + hidden) * packet.duration
                packet.dts -= (first + hidden) * packet.duration
                packet.stream = copy
                target.mux(packet)
    return stream.getvalue()


def test_frames_that_an_edit_list_hides_are_not_counted(decode, clip_file, decoder):
    clip = cut_by_edit_list(clip_file(40, bf="0"), first=12, hidden=4)
    media = decode(clip, decoder=decoder, frames=2)
    assert numbers(media) == [16, 39]
    assert media.times == pytest.approx([0, 23 / 30], abs=0.001)


@pytest.mark.parametrize(("form", "codec"), CONTAINERS)
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_clip_cut_off_is_never_taken_for_a_short_one(decode, clip_file, form, codec, share):
    data = clip_file(31, form, codec)
    assert reason_of(decode, data[: int(len(data) * share)]) == "truncated video"


def test_a_transport_stream_that_ends_within_a_packet(decode, clip_file):
    assert reason_of(decode, clip_file(31, "mpegts")[:-100]) == "truncated video"


def test_a_cut_clip_with_its_header_first(decode, clip_file):
    data = clip_file(31, movflags="faststart")
    assert reason_of(decode, data[: len(data) // 2]) == "truncated video"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"<html>", "not a video"),
        (bytes(5000), "not a video"),
        (b"\0\0\0\x08ftyp", "truncated video"),
    ],
)
def test_what_is_no_video_is_refused_before_any_decoder_sees_it(decode, data, reason):
    assert reason_of(decode, data) == reason


def test_sound_alone_has_no_pictures(decode, sound_alone):
    assert reason_of(decode, sound_alone) == "no pictures"


def test_size_and_length_are_checked_before_decoding(decode, clip_file):
    clip = clip_file(31)
    assert reason_of(decode, clip, max_pixels=64 * 48 - 1) == "too large"
    assert reason_of(decode, clip, max_seconds=0.9) == "too long"


def test_a_hole_in_the_middle_is_named(decode, clip_file, decoder):
    data = bytearray(clip_file(31, crf="1", size=(128, 96)))
    start = data.index(b"mdat") + 4
    data[start : start + 1200] = bytes(1200)
    assert reason_of(decode, bytes(data), decoder=decoder) in ("broken video", "truncated video")


def patched(data, name, place, numbers):
    """The same mp4 with other numbers in a table."""
    start = data.index(name) + 4 + place
    return data[:start] + struct.pack(f">{len(numbers)}I", *numbers) + data[start + 4 * len(numbers) :]


@pytest.mark.parametrize(
    ("name", "place", "numbers"),
    [(b"stsz", 4, (10, 50_000_000)), (b"stts", 8, (4_000_000_000, 1)), (b"ctts", 8, (4_000_000_000, 1))],
)  # fmt: skip
def test_tables_that_announce_more_than_a_file_can_hold_are_refused(decode, clip_file, name, place, numbers):
    assert reason_of(decode, patched(clip_file(31), name, place, numbers)) == "broken video"


def test_a_number_of_frames_that_is_wrong_by_little_does_not_matter(decode, clip_file):
    data = patched(clip_file(31, bf="0"), b"stts", 8, (431,))
    assert numbers(decode(data, frames=4)) == [0, 10, 20, 30]


def test_a_fragment_of_many_samples_is_refused(decode, clips):
    fragmented = clips.remux(clips.make((0.0, 0.5, 1.0)), "mp4", movflags="frag_keyframe+empty_moov")
    assert reason_of(decode, patched(fragmented, b"trun", 4, (50_000_000,))) == "broken video"


def test_sampling_is_part_of_the_fingerprint(built):
    prints = {
        built(VideoOptions(kind="video", **options)).fingerprint()
        for options in ({}, {"frames": 4}, {"sampling": "fps"}, {"sampling": "fps", "fps": 2})
    }
    assert len(prints) == 4
