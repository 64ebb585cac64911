"""A batch is cut into as few passes as there must be, where least is padded."""

from itertools import combinations

import numpy as np
import pytest
import torch

from multigraft.core.training.micro_batches import cheapest_cuts, cuts_within, micro_batches
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.media import Media
from multigraft.core.types.row import Row, TextRow
from multigraft.core.types.sample import Sample, TextPair


def padded(lengths, cuts):
    """Rows times longest row, over all groups."""
    return sum(len(group) * max(group) for group in np.split(lengths, cuts))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 9])
def test_no_other_cuts_pad_less(size):
    draw = np.random.default_rng(size)
    for _ in range(20):
        lengths = np.sort(draw.integers(1, 60, 9)).astype(float)
        cuts = cheapest_cuts(lengths, size)
        assert len(cuts) == -(-9 // size) - 1
        allowed = (each for each in combinations(range(1, 9), len(cuts)) if max(np.diff([0, *each, 9])) <= size)
        assert padded(lengths, cuts) == min(padded(lengths, each) for each in allowed)


def row(number, text, pictures):
    media = (Media("video", "visual", None, np.zeros(pictures, np.float32)),) if pictures else ()
    sample = Sample("task", Annotation(id=str(number), task="task"), TextPair(text, "yes"), media, "shard#key")
    return Row(sample, {"text": TextRow(torch.zeros(len(text) // 4, dtype=torch.long))})


def test_videos_and_pictures_go_apart_where_there_is_room():
    kinds = [1, 8, 1, 1, 8, 1, 1, 8, 1, 1]
    rows = [row(number, "what color?", pictures) for number, pictures in enumerate(kinds)]
    passes = micro_batches(rows, 7)
    assert [[each.sample.annotation.id for each in group] for group in passes] == [list("0235689"), list("147")]


def test_a_batch_that_fits_is_one_pass_in_its_order():
    rows = [row(number, "x" * (9 - number), 0) for number in range(5)]
    assert micro_batches(rows, 5) == [rows]


@pytest.mark.parametrize("most", [1, 30, 64, 200, 10_000])
@pytest.mark.parametrize("size", [2, 9])
def test_a_pass_has_no_more_tokens_than_it_may_or_is_one_row(size, most):
    draw = np.random.default_rng(most)
    for _ in range(20):
        lengths = np.sort(draw.integers(1, 60, 9)).astype(float)
        groups = np.split(lengths, cuts_within(lengths, size, most))
        assert np.concatenate(groups).tolist() == lengths.tolist()
        for group in groups:
            assert 1 <= len(group) <= size
            assert len(group) * max(group) <= most or len(group) == 1


def test_passes_of_a_length_hold_every_row_once():
    rows = [row(number, "x" * 8 * number, 0) for number in range(1, 9)]  # 2 to 16 tokens
    passes = micro_batches(rows, 8, 24)
    named = ["".join(each.sample.annotation.id for each in group) for group in passes]
    assert named == ["1", "234", "56", "7", "8"]
