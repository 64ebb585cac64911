from functools import partial

import numpy as np
import pytest

from multigraft.core.errors import BadSample
from multigraft.plugins.inputs.display import UPRIGHT
from multigraft.plugins.inputs.picker import FramePicker


def as_it_is(pixels, matrix):
    assert matrix == UPRIGHT
    return pixels


def picked(wanted, frames):
    """Times of the frames taken; a frame's picture is filled with its number."""
    picker = FramePicker(lambda first: np.array(wanted, float), as_it_is)
    for number, time in enumerate(frames):
        picker.offer(time, partial(np.full, (3, 2, 2), number, np.uint8))
    pictures, times = picker.finish()
    assert [frames[number] for number in pictures[:, 0, 0, 0]] == pytest.approx(times)
    return times.tolist()


def test_at_a_time_the_latest_frame_is_shown_that_is_not_after_it():
    assert picked([0.0, 0.99, 1.0, 1.5], [0.0, 1.0, 2.0]) == [0.0, 1.0]
    assert picked([0.0, 5.0, 10.0], [0.0, 0.125, 0.25, 0.5, 10.0]) == [0.0, 0.5, 10.0]


def test_before_the_first_frame_it_is_the_first_and_after_the_last_the_last():
    assert picked([0.0, 9.0], [0.5, 1.0]) == [0.5, 1.0]


def test_a_time_that_the_container_rounded_up_is_not_after_it():
    assert picked([1 / 3, 2 / 3], [0.0, 0.25, 0.334, 0.667]) == pytest.approx([0.334, 0.667])


def test_a_frame_that_comes_late_takes_its_place():
    assert picked([0.0, 1.0, 2.0, 3.0], [0.0, 2.5, 1.5, 0.5, 3.0]) == [0.0, 0.5, 1.5, 3.0]


def test_no_more_frames_are_asked_for_than_decide_the_pictures():
    picker = FramePicker(lambda first: first + np.array([0.0, 1.0]), as_it_is)
    needed = []
    for time in range(20, 30):
        if picker.complete:
            break
        picker.offer(float(time), partial(np.zeros, (3, 1, 1), np.uint8))
        needed.append(time)
    assert needed == [20, 21, 22]


def test_pictures_have_one_shape():
    picker = FramePicker(lambda first: np.array([0.0, 1.0]), as_it_is)
    picker.offer(0.0, partial(np.zeros, (3, 4, 2), np.uint8))
    picker.offer(1.0, partial(np.zeros, (3, 4, 2), np.uint8))
    assert picker.finish()[0].shape == (2, 3, 4, 2)
    picker = FramePicker(lambda first: np.array([0.0, 1.0]), as_it_is)
    picker.offer(0.0, partial(np.zeros, (3, 4, 2), np.uint8))
    picker.offer(1.0, partial(np.zeros, (3, 5, 2), np.uint8))
    with pytest.raises(BadSample, match="its frames change their shape"):
        picker.finish()
