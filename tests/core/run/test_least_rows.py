"""Rows of a task in the smallest batch that any process has, held against what its objectives need."""

from types import SimpleNamespace

import pytest

from multigraft.core.interfaces.sampler import Sampler
from multigraft.core.run.least_rows import rows_lacking


class Fixed(Sampler):
    """Every batch has the same numbers of rows."""

    def __init__(self, **rows):
        self.rows = rows

    def consumed(self, step):
        return {task: step * rows for task, rows in self.rows.items()}


@pytest.fixture
def lacking(tiny_recipe):
    """What is said of a task `captions` whose only objective needs some rows."""

    def told(sampler, least, processes):
        objectives = {"captions": [SimpleNamespace(least_rows=least)]}
        return [
            (error.location, error.message) for error in rows_lacking(tiny_recipe(), sampler, objectives, processes)
        ]

    return told


@pytest.mark.parametrize(
    ("rows", "processes", "fewest"), [(4, 1, 4), (4, 2, 2), (5, 2, 2), (3, 2, 1), (1, 2, 1), (2, 4, 1), (9, 4, 2)]
)
def test_a_batch_is_dealt_out_row_by_row(lacking, rows, processes, fewest):
    dealt = [len(range(first, rows, processes)) for first in range(processes)]
    assert fewest == min(each for each in dealt if each)
    assert lacking(Fixed(vqa=8, captions=rows), fewest, processes) == []
    ((place, message),) = lacking(Fixed(vqa=8, captions=rows), fewest + 1, processes)
    assert place == ("tasks", "captions", "objective", 0)
    share = f", {fewest} on a process" if processes > 1 else ""
    assert message == (f"`generation` needs {fewest + 1} rows of a batch, and step 1 has {rows} of the task{share}")


def test_a_task_that_is_never_drawn_lacks_nothing(lacking):
    assert lacking(Fixed(vqa=8, captions=0), 2, 1) == []
