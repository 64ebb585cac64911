import json

import pytest

from multigraft.core.data.shard import open_shard
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record

PARTS = "train=0.6,validation=0.2,test=0.2"


@pytest.fixture
def pack(tmp_path):
    """Write samples `(key, source, media)` to shards of three."""

    def write(samples, prefix="a"):
        with ShardWriter(tmp_path, prefix, 3) as writer:
            for key, source, media in samples:
                note = Annotation(id=f"{key}/q", task="vqa", text="what?", media=tuple(media))
                writer.write(key, Record(id=key, source=source, annotations=(note,)), media)
        return sorted(tmp_path.glob(f"{prefix}-*.tar"))

    return write


@pytest.fixture
def split(run, tmp_path):
    """The samples of each part, by key with their media."""

    def call(*arguments):
        result = run("data", "split", *arguments, "--json")
        assert result.exit_code == 0, result.output
        out = json.loads(result.stdout)
        parts = {}
        for name in out["parts"]:
            shards = map(open_shard, sorted((tmp_path / out["folder"]).glob(f"{name}-*.tar")))
            parts[name] = {
                shard.index.key(n): [shard.read(n, f) for f in shard.index.fields_of(n) if f != "json"]
                for shard in shards
                for n in range(shard.index.head.samples)
            }
            assert len(parts[name]) == out["parts"][name]["samples"]
        return parts

    return call


def pictures(count, pictures_in_all):
    """Samples of two pictures each, of which others have one too."""
    return [
        (
            f"k{n:02d}",
            f"s{n % 7}",
            {"0.jpg": b"%d" % (n % pictures_in_all), "1.jpg": b"%d" % ((n * 3) % pictures_in_all)},
        )
        for n in range(count)
    ]


def test_no_medium_is_in_two_parts_and_no_sample_is_lost(pack, split):
    samples = [(f"k{n:02d}", "", {"jpg": b"%d" % (n // 2)}) for n in range(60)]
    parts = split(*pack(samples), "out", "--parts", PARTS)
    media = {name: {each for files in samples.values() for each in files} for name, samples in parts.items()}
    assert [len(a & b) for a in media.values() for b in media.values() if a is not b] == [0] * 6
    assert sorted(key for part in parts.values() for key in part) == [key for key, _, _ in samples]
    assert all(part[f"k{int(key[1:]) ^ 1:02d}"] == files for part in parts.values() for key, files in part.items())


def test_samples_that_are_tied_by_several_media_stay_together(pack, split):
    chain = [(f"k{n:02d}", "", {"0.jpg": b"chain %d" % n, "1.jpg": b"chain %d" % (n + 1)}) for n in range(12)]
    single = [(f"s{n:02d}", "", {"jpg": b"single %d" % n}) for n in range(60)]
    parts = split(*pack(chain + single), "out", "--parts", "one=0.5,two=0.5")
    assert sorted(sum(key[0] == "k" for key in part) for part in parts.values()) == [0, 12]


def test_the_order_of_files_changes_nothing_and_the_seed_does(pack, split):
    paths = pack(pictures(60, 60))
    first = split(*paths, "one", "--parts", PARTS)
    assert split(*reversed(paths), "two", "--parts", PARTS) == first
    assert split(*paths, "three", "--parts", PARTS, "--seed", "1") != first


def test_shares_are_about_what_was_asked_for(pack, split):
    samples = [(f"k{n:03d}", "", {"jpg": b"%d" % n}) for n in range(300)]
    parts = split(*pack(samples), "out", "--parts", "train=0.8,test=0.2")
    assert 215 < len(parts["train"]) < 265


def test_a_source_goes_to_one_part_as_a_whole(pack, split):
    samples = [(f"k{n:02d}", f"s{n % 20}", {"jpg": b"%d" % n}) for n in range(60)]
    parts = split(*pack(samples), "out", "--parts", "train=0.5,test=0.5", "--by", "source")
    sources = {name: {int(key[1:]) % 20 for key in part} for name, part in parts.items()}
    assert sources["train"] & sources["test"] == set()
    assert sources["train"] | sources["test"] == set(range(20))


def test_texts_of_one_key_stay_together(pack, split):
    first = pack([(f"k{n:02d}", "", {}) for n in range(30)])
    second = pack([(f"k{n:02d}", "", {}) for n in range(30)], prefix="b")
    parts = split(*first, *second, "out", "--parts", "train=0.5,test=0.5")
    keys = {name: {key.partition("-")[0] for key in part} for name, part in parts.items()}
    assert keys["train"] & keys["test"] == set()
    assert [len(part) == 2 * len(keys[name]) for name, part in parts.items()] == [True, True]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("train=0.8,test=0.1", "add up to 0.9"), ("train=0.5,train=0.5", "'train=0.5' is no NAME=SHARE"),
        ("train", "'train' is no NAME=SHARE"), ("../x=1", "is no NAME=SHARE"), ("a=nan,b=1", "is no NAME=SHARE"),
    ],
)  # fmt: skip
def test_parts_are_checked(pack, run, parts, message):
    result = run("data", "split", *pack([("k", "", {})]), "out", "--parts", parts)
    assert result.exit_code == 2
    assert message in result.output


def test_a_part_that_would_be_empty_is_refused_before_anything_is_written(pack, run, tmp_path):
    result = run("data", "split", *pack([("k", "", {"jpg": b"1"})]), "out", "--parts", "train=0.5,test=0.5")
    assert result.exit_code == 2
    assert "would get none of 1 groups" in result.output
    assert not (tmp_path / "out").exists()
