"""The queue of features, on numbers that can be read off."""

import pytest
import torch

from multigraft.plugins.objectives.queue import EMPTY, enqueued


def appended(*numbers):
    return {"text": torch.tensor(numbers)[:, None] / 10, "key": torch.tensor(numbers)}


@pytest.mark.parametrize(
    ("batches", "keys", "following"),
    [
        ([(1, 2)], [1, 2, EMPTY], 2),
        ([(1, 2), (3, 4)], [4, 2, 3], 1),
        ([(1,), (2, 3, 4, 5, 6)], [4, 5, 6], 0),
    ],
)
def test_the_newest_take_the_places_of_the_oldest(batches, keys, following):
    """A row stands where it would if rows came one by one."""
    state = {"text": torch.zeros(3, 1), "key": torch.full((3,), EMPTY), "next": torch.tensor(0)}
    for batch in batches:
        state = enqueued(state, appended(*batch))
    assert state["key"].tolist() == keys
    assert state["next"] == following
    assert torch.equal(state["text"][:, 0], torch.tensor(keys).clamp(min=0) / 10)
