"""Jumps of the PyAV decoder lead forwards."""

from types import SimpleNamespace

import numpy as np

from multigraft.core.types.clip import Clip
from multigraft.plugins.inputs.picker import FramePicker
from multigraft.plugins.inputs.pyav_frames import DisplayMatrices, _offer

TIMES = [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]
FRAME = SimpleNamespace(rotation=0, side_data=[])
PICTURE = SimpleNamespace(to_ndarray=lambda: np.zeros((2, 2, 3), np.uint8))


def test_no_jump_leads_back_where_a_clip_has_its_frames_several_times():
    """A damaged Matroska file whose clusters stand there six times: a jump from the second round, whose times begin
    anew, leads to the end of the first, and from there to the second again."""
    clip = Clip(
        container="matroska", codec="h264", width=16, height=16, start=0.0, times=np.sort(TIMES * 6), end=0.24,
        skipped=0, begin=0.0, hidden=False, entries=np.sort(TIMES[::2] * 6), key_frames=18, max_pixels=256,
    )  # fmt: skip
    picker = FramePicker(lambda first: np.linspace(0, 0.2, 4), lambda pixels, matrix: pixels.transpose(2, 0, 1))
    shown = iter([(time, FRAME) for time in TIMES * 6])
    assert _offer(shown, picker, clip, DisplayMatrices(), lambda frame: PICTURE) is None
    assert np.allclose(picker.finish()[1], [0, 0.04, 0.12, 0.2])


def test_a_jump_saves_decoding_where_times_go_on():
    clip = Clip(
        container="matroska", codec="h264", width=16, height=16, start=0.0, times=np.arange(60) / 25, end=2.4,
        skipped=0, begin=0.0, hidden=False, entries=np.array([0.0, 1.6]), key_frames=2, max_pixels=256,
    )  # fmt: skip
    picker = FramePicker(lambda first: np.array([0.0, 2.0]), lambda pixels, matrix: pixels.transpose(2, 0, 1))
    shown = iter([(number / 25, FRAME) for number in range(60)])
    assert _offer(shown, picker, clip, DisplayMatrices(), lambda frame: PICTURE) == 1.6
