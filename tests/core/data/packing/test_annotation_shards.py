"""Shards without media: the annotations of a source in the order in which they would be packed."""

import pytest

from multigraft.core.data.indexing import load_index
from multigraft.core.data.packing.annotation_shards import AnnotationShards, annotation_shards
from multigraft.core.data.records import parse_json
from multigraft.core.data.shard import Shard
from multigraft.core.interfaces.source import Dropped, Source


class Rows(Source):
    """Annotations, or what is dropped, as they were given, of a file."""

    def __init__(self, found, *files):
        self.found, self.files = list(found), files

    def annotations(self):
        yield from self.found


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("what a source says that it reads")
    return path


@pytest.fixture
def make(tmp_path):
    """The shards of a source, under `.sources` in the test's folder."""

    def made(source, of=None, temporary=None, report=lambda done, total: None):
        return annotation_shards(source, of or {"options": {}}, tmp_path / ".sources", temporary, report)

    return made


def ids(paths):
    """Of the annotations of each shard, in its order."""
    shards = map(Shard, paths)
    return [[shard.annotation(row).id for row in range(len(shard.index.annotations.task))] for shard in shards]


def test_shards_hold_what_those_of_a_packing_hold(make, note, medium, packed, file, tmp_path):
    for number in range(520):
        medium(f"{number}.png", b"x")
    notes = [note(number, f"{number % 520}.png") for number in range(700)]
    made = make(Rows(notes, file))
    packed(notes)
    assert ids(made.shards) == ids(sorted((tmp_path / "shards").glob("*.tar")))
    assert list(map(len, ids(made.shards))) == [680, 20]


def test_records_are_small_and_say_that_their_media_lie_apart(make, note, file):
    made = make(Rows([note(number, "a.png") for number in range(600)], file))
    (shard,) = map(Shard, made.shards)
    records = [parse_json(shard.read(sample, "json")) for sample in range(shard.index.head.samples)]
    assert [len(record["annotations"]) for record in records] == [256, 256, 88]
    assert all(record["apart"] for record in records)
    assert shard.index.head.problems == 0
    large = [note(number, "a.png", context="x" * 200_000) for number in range(5)]
    (shard,) = map(Shard, make(Rows(large, file), {"options": {"large": True}}).shards)
    assert shard.index.head.samples == 3


def test_what_is_known_of_them_without_reading_them(make, note, file):
    found = [note(1, "a/b.PNG", "c.mp4"), Dropped("table#1", "bad row", "why"), note(2), note(1, "d.jpg")]
    made = make(Rows(found, file))
    assert (made.rows, made.dropped) == (4, {"bad row": 1, "repeated id": 1})
    assert made.endings == {"vqa": {"png", "mp4"}}
    assert [each.reason for each in made.dropped_rows()] == ["bad row", "repeated id"]
    assert AnnotationShards.stored(made.folder) == made


def test_another_file_or_other_options_are_another_folder(make, note, file):
    first = make(Rows([note(1)], file))
    assert make(Rows([note(1)], file)) == first
    assert make(Rows([note(1)], file), {"options": {"map": "other"}}).folder != first.folder
    file.write_text("another text")
    assert make(Rows([note(1)], file)).folder != first.folder


def test_a_source_without_files_is_told_by_what_it_gives(make, note):
    first = make(Rows([note(1)]))
    assert make(Rows([note(1)])) == first
    assert make(Rows([note(1), note(2)])).folder != first.folder
    assert make(Rows([note(1), Dropped("2", "bad row")])).folder != first.folder


def test_a_folder_is_whole_or_made_again(make, note, file):
    made = make(Rows([note(number, f"{number}.png") for number in range(501)], file))
    lost = made.shards[1]
    content = load_index(lost).content
    lost.write_bytes(lost.read_bytes()[:-1])
    assert AnnotationShards.stored(made.folder) is None
    assert make(Rows([note(number, f"{number}.png") for number in range(501)], file)) == made
    assert load_index(lost).content == content


def test_what_lies_in_the_folder_already_is_not_made_elsewhere(make, note, file, tmp_path):
    made = make(Rows([note(1)], file))
    elsewhere = lambda: pytest.fail("it is there")  # noqa: E731
    assert make(Rows([note(1)], file), temporary=elsewhere) == made
    (tmp_path / "temporary").mkdir()
    other = make(Rows([note(2)], file), {"options": 2}, lambda: tmp_path / "temporary")
    assert other.folder.parent == tmp_path / "temporary"


def test_progress_is_told(make, note, file):
    told = []
    notes = [note(number, f"{number}.png") for number in range(1200)]
    make(Rows(notes, file), report=lambda done, total: told.append((done, total)))
    assert told == [(0, 1000), (500, 1200), (1000, 1200), (1200, 1200)]
