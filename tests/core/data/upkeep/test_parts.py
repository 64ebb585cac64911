"""Which part a sample goes to, for any way in which samples share media."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from multigraft.core.data.shard import Shard
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.data.upkeep.parts import Parts

SHARES = {"train": 0.5, "validation": 0.25, "test": 0.25}
media = st.lists(st.sets(st.integers(0, 12), max_size=3), min_size=1, max_size=14)


def parts_of(shards, **options):
    """The part of each sample by its key."""
    found = Parts(shards, SHARES, options.get("by", "media"), options.get("seed", 0))
    return {
        shard.index.key(sample): found.part_of(number, sample)
        for number, shard in enumerate(shards)
        for sample in range(shard.index.head.samples)
    }


@given(media, st.integers(0, 3))
@settings(max_examples=40)
def test_no_medium_is_in_two_parts_whatever_the_order(samples, seed):
    with TemporaryDirectory() as folder:
        with ShardWriter(Path(folder), "a", 3) as writer:
            for number, pictures in enumerate(samples):
                writer.write(f"k{number}", None, {f"{n}.jpg": b"%d" % n for n in pictures} or {"txt": b"%d " % number})
        shards = [Shard(path) for path in sorted(Path(folder).glob("*.tar"))]
        parts = parts_of(shards, seed=seed)
        assert parts_of(shards[::-1], seed=seed) == parts
    for picture in range(13):
        assert len({parts[f"k{n}"] for n, pictures in enumerate(samples) if picture in pictures}) <= 1


def test_new_samples_leave_old_ones_where_they_were(tmp_path):
    with ShardWriter(tmp_path, "a", 10) as writer:
        for number in range(40):
            writer.write(f"k{number}", None, {"jpg": b"%d" % number})
    shards = [Shard(path) for path in sorted(tmp_path.glob("*.tar"))]
    before, after = parts_of(shards[1:]), parts_of(shards)
    assert {key: after[key] for key in before} == before
    assert set(after.values()) == set(SHARES)
