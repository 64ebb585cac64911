"""Times computed by hand, and the frames that are shown at them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from multigraft.core.errors import BadSample
from multigraft.core.types.media import Span
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.sampling import ROUNDING, sampling_times

TWO_SECONDS = tuple(number / 30 for number in range(60))
HOUR = tuple(15.0 * number for number in range(200))
CLIP = (0.0, 9.5, 10.0)
"""First frame, last frame, end."""


def times(span=None, clip=CLIP, **options):
    return sampling_times(*clip, Span(*span) if span else None, VideoOptions(kind="video", **options)).tolist()


@pytest.mark.parametrize(
    ("options", "span", "expected"),
    [
        ({"sampling": "uniform", "frames": 3}, None, [0, 4.75, 9.5]),
        ({"sampling": "uniform", "frames": 3}, (2, 4), [2, 3, 4]),
        ({"sampling": "uniform", "frames": 3}, (9, 99), [9, 9.25, 9.5]),
        ({"sampling": "fps", "fps": 0.5, "frames": 8}, None, [0, 2, 4, 6, 8]),
        ({"sampling": "fps", "fps": 2, "frames": 8}, (3.25, 4.5), [3.25, 3.75, 4.25]),
        ({"sampling": "segments", "frames": 4}, None, [1.25, 3.75, 6.25, 8.75]),
        ({"sampling": "segments", "frames": 1}, None, [5]),
        ({"sampling": "segments", "frames": 2}, (2, 4), [2.5, 3.5]),
        ({"sampling": "segments", "frames": 2}, (9, 99), [9.25, 9.75]),
        ({"sampling": "segments", "frames": 2}, (3, 3), [3, 3]),
        ({"sampling": "times", "times": [7, 0, 1.5]}, None, [0, 1.5, 7]),
        ({"sampling": "times", "times": [0, 1, 3]}, (8, 99), [8, 9]),
        ({"sampling": "times", "times": [0.5, 2.5]}, (2, 4), [2.5]),
    ],
)
def test_times_of_ten_seconds(options, span, expected):
    assert times(span, **options) == pytest.approx(expected)


def test_a_clip_that_begins_late_counts_from_its_first_frame():
    assert times(clip=(2.0, 5.5, 6.0), sampling="segments", frames=2) == [3, 5]
    assert times(clip=(2.0, 5.5, 6.0), sampling="times", times=[0, 1]) == [2, 3]


def test_given_times_of_which_none_is_in_the_span():
    with pytest.raises(BadSample) as error:
        times((4, 4.5), sampling="times", times=[3, 1])
    assert (error.value.reason, error.value.detail) == ("empty span", "no time of 1 s or later in 4 s to 4.5 s")


@given(st.sampled_from(["uniform", "fps", "segments"]), st.integers(1, 40), st.floats(0, 10), st.floats(0, 20))
def test_times_do_not_fall_and_lie_within_span_and_clip(sampling, frames, start, length):
    found = times((start, start + length), sampling=sampling, frames=frames)
    assert 1 <= len(found) <= frames
    assert (np.diff(found) >= 0).all()
    assert min(start, 9.5) - 1e-9 <= found[0]
    assert found[-1] <= min(start + length, 10) + ROUNDING


def shown(decode, clips, data, span=None, **options):
    media = decode(data, span, **options)
    return [clips.number_of(picture) for picture in media.arrays], media.times.tolist()


def test_the_middle_of_four_segments_of_sixty_frames(decode, clips, decoder):
    """15 frames each, of which the eighth is shown at 7.5 of them."""
    numbers, at = shown(decode, clips, clips.make(TWO_SECONDS), sampling="segments", frames=4, decoder=decoder)
    assert numbers == [7, 22, 37, 52]
    assert at == pytest.approx([number / 30 for number in numbers], abs=1e-4)


def test_segments_of_a_span(decode, clips):
    data = clips.make(TWO_SECONDS)
    numbers, _ = shown(decode, clips, data, Span(1.0, 1.6), sampling="segments", frames=3)
    assert numbers == [33, 39, 45]  # shown at 1.1, 1.3 and 1.5 s


def test_more_segments_than_frames_give_each_frame_once(decode, clips):
    numbers, _ = shown(decode, clips, clips.make(TWO_SECONDS[:3]), sampling="segments", frames=8)
    assert numbers == [0, 1, 2]


def test_an_hour(decode, clips):
    """A frame every 15 s: at 373.1, 1119.4, 1865.6 and 2611.9 s the frames 24, 74, 124 and 174 are shown."""
    numbers, at = shown(decode, clips, clips.make(HOUR), sampling="segments", frames=4)
    assert numbers == [24, 74, 124, 174]
    assert at == [360, 1110, 1860, 2610]
    assert shown(decode, clips, clips.make(HOUR), Span(100, 160), sampling="fps", fps=0.05)[0] == [6, 8, 9, 10]


def test_given_times_show_their_frames(decode, clips):
    numbers, _ = shown(decode, clips, clips.make(TWO_SECONDS), sampling="times", times=[0.5, 0.51, 0, 1.99, 7])
    assert numbers == [0, 15, 59]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"sampling": "times"}, "belong together"), ({"times": [1.0]}, "belong together"),
     ({"sampling": "times", "times": [1.0], "frames": 4}, "`frames` does nothing beside `times`"),
     ({"sampling": "times", "times": [-1.0]}, "greater than or equal to 0")],
)  # fmt: skip
def test_times_that_would_be_ignored_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        VideoOptions(kind="video", **options)


def test_each_sampling_is_its_own_fingerprint(built):
    ways = [{}, {"sampling": "segments"}, {"sampling": "segments", "frames": 4}, {"sampling": "fps"},
            {"sampling": "times", "times": [1.0]}, {"sampling": "times", "times": [1.0, 2.0]}]  # fmt: skip
    prints = {built(VideoOptions(kind="video", **way)).fingerprint() for way in ways}
    assert len(prints) == len(ways)
    assert "video/2/uniform/8" in prints
