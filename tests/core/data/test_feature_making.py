"""Pieces of a feature shard, and the whole that they become."""

import os
import resource

import pytest
from safetensors.torch import save

from multigraft.core.data.feature_making import FeatureMaking
from multigraft.core.data.feature_shard import FeatureShard, facts_of, key_of, medium_name
from multigraft.core.errors import BadSample

OF, NAME = "home/content", medium_name("jpg", None)
PIECES = 60


@pytest.fixture
def _few_files():
    """Room for 20 more open files than there are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = set(map(int, os.listdir("/proc/self/fd")))
    free = [number for number in range(soft) if number not in open_now]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[20], hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def file_of(sample):
    return key_of(sample, NAME), save({}, facts_of(OF, sample, NAME, BadSample("not an image", f"number {sample}")))


@pytest.mark.usefixtures("_few_files")
def test_a_shard_of_more_pieces_than_files_may_be_open_becomes_whole_also_after_a_kill(tmp_path):
    files, path = list(map(file_of, range(PIECES + 1))), tmp_path / "x.tar"
    making = FeatureMaking(path, OF, pytest.fail)
    for each in files[: PIECES // 2]:
        making.add_piece([each])
    del making
    making = FeatureMaking(path, OF, pytest.fail)
    for each in files[PIECES // 2 : PIECES]:
        making.add_piece([each])
    making.finish(files[PIECES:])
    whole = FeatureShard(path, OF)
    assert [whole.data(key) for key, _ in files] == [data for _, data in files]
    assert [each.name for each in tmp_path.iterdir()] == ["x.tar"]
