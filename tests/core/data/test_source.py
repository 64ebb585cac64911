import pytest

from multigraft.core.data.order import Place
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.errors import MultigraftError
from multigraft.core.types.annotation import Annotation


def texts(source):
    places = [Place(0, shard, row) for shard, count in enumerate(source.counts) for row in range(count)]
    return [shard.annotation(row).id for shard, row in map(source.locate, places)]


@pytest.fixture
def mixed(pack):
    notes = [
        Annotation(id="1", task="first", text="a", source="x"),
        Annotation(id="2", task="echo", text="b", source="y"),
        Annotation(id="3", task="echo", text="c", source="x"),
    ]
    return pack([("k", notes, {})])


def test_a_task_takes_annotations_of_its_name_and_of_its_kind(mixed, open_task):
    assert texts(open_task("first")) == ["1", "2", "3"]
    assert texts(open_task("second")) == ["2", "3"]


def test_a_shard_may_name_the_task_and_the_next_its_kind(pack, questions, open_task):
    pack(questions(vqa=4, echo=4))
    assert len(open_task("vqa").shards) == 2
    assert texts(open_task("vqa")) == [f"vqa/{n}" for n in range(4)] + [f"echo/{n}" for n in range(4)]


def test_annotations_and_sources_can_be_chosen(mixed, open_task):
    assert texts(open_task("first", annotations="first")) == ["1"]
    assert texts(open_task("first", annotations="echo")) == ["2", "3"]
    assert texts(open_task("second", sources=["x"])) == ["3"]


def test_no_annotation_for_a_task_says_what_there_is(mixed, open_task):
    with pytest.raises(
        MultigraftError, match=r"task 't', split 'train': .* for the task 'none'; .* echo \(x, y\), first"
    ):
        open_task("t", annotations="none")


def test_missing_shards_and_splits_are_named(mixed, open_task):
    with pytest.raises(MultigraftError, match=r"split 'train': 2 of 2 shards are missing: .*no-0\.tar"):
        open_task("t", data={"train": ["no-{0..1}.tar"]})
    with pytest.raises(MultigraftError, match="has no split 'test'; its `data` has train"):
        open_task("first", split="test")
    with pytest.raises(MultigraftError, match=r"split 'train': .* brace without its partner"):
        open_task("t", data={"train": ["no-{0..1.tar"]})


def test_a_cut_shard_is_listed_and_its_first_samples_are_used(pack, questions, open_task):
    (path,) = pack(questions(vqa=4))
    path.write_bytes(path.read_bytes()[: 2 * 1024 + 700])
    log = SkippedLog(None, 0.01)
    assert texts(open_task("vqa", log=log)) == ["vqa/0", "vqa/1"]
    assert [(entry.shard, entry.key, entry.reason) for entry in log.listed] == [(str(path), "vqa2", "cut tar")]
    log.finish()


def test_a_folder_that_lacks_what_its_manifest_names_is_a_problem(pack, questions, open_task):
    first, second = pack(questions(vqa=6))
    second.unlink()
    log = SkippedLog(None, 1.0)
    assert open_task("vqa", log).size == 4
    (row,) = log.listed
    assert (row.shard, row.reason) == (str(first.with_name("manifest.json")), "incomplete folder")
    assert row.detail == "the folder lacks what its manifest.json names: a-000001.tar"
