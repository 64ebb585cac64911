"""Trainings whose samples are dealt out by length."""

import pytest
from safetensors.torch import load_file

from multigraft.core.errors import MultigraftError

FLAT = ("train.optimizer={schedule: constant, warmup: 0}", "eval.split=none", "train.batch=8", "train.log_every=1")
BUCKETS = "train.bucketing={steps: 4, alike: length}"


def graft(folder, step):
    files = sorted((folder / "checkpoints" / f"{step:08}" / "graft").glob("*.safetensors"))
    return {f"{path.name}/{name}": value for path in files for name, value in load_file(path).items()}


def same(one, other):
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    """Eight steps in one go."""
    folder = tmp_path_factory.mktemp("straight")
    train(folder, "train.steps=8", BUCKETS, *FLAT)
    return folder


def test_a_run_that_stops_between_pools_goes_on_to_the_same_bits(train, straight, tmp_path):
    train(tmp_path, "train.steps=4", BUCKETS, *FLAT)
    train(tmp_path, "train.steps=8", BUCKETS, *FLAT, resume=True)
    assert same(graft(tmp_path, 8), graft(straight, 8))


def test_a_run_that_stops_within_a_pool_does_not_go_on_with_another_deal(train, tmp_path):
    train(tmp_path, "train.steps=6", BUCKETS, *FLAT)
    with pytest.raises(MultigraftError, match=r"samples of steps 5 to 6 .* now it would be steps 5 to 8"):
        train(tmp_path, "train.steps=8", BUCKETS, *FLAT, resume=True)
