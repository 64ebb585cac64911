"""Records of many annotations are decoded once, and no more of them are kept than there is room for."""

import json

import pytest

from multigraft.core.data.record_cache import RecordCache
from multigraft.core.errors import BadSample


class File:
    """The bytes of a record, which counts how often they are read."""

    def __init__(self, *texts, **head):
        rows = [{"id": str(number), "task": "t", "text": text} for number, text in enumerate(texts)]
        self.data, self.reads = json.dumps({"id": "k", "annotations": rows, **head}).encode(), 0

    def read(self):
        self.reads += 1
        return self.data


def test_a_record_is_read_once_for_all_of_its_annotations():
    cache, file = RecordCache(room=10_000), File("red?", "grün? \U0001f3a8", source="s")
    found = [cache.get("a", file.read).annotation(position) for position in (1, 0, 1)]
    assert [(each.id, each.text, each.source) for each in found] == [
        ("1", "grün? \U0001f3a8", "s"),
        ("0", "red?", "s"),
        ("1", "grün? \U0001f3a8", "s"),
    ]
    assert file.reads == 1


def test_the_record_that_was_not_used_for_longest_makes_room():
    cache, files = RecordCache(room=2500), {name: File(name * 1000) for name in "abc"}
    for name in "abacab":
        cache.get(name, files[name].read)
    assert {name: file.reads for name, file in files.items()} == {"a": 1, "b": 2, "c": 1}


def test_a_record_larger_than_the_room_is_read_each_time():
    cache, file = RecordCache(room=500), File("x" * 1000)
    assert [cache.get("a", file.read).annotation(0).text[:2] for _ in range(2)] == ["xx", "xx"]
    assert file.reads == 2


def test_a_bad_record_is_never_kept():
    cache, file = RecordCache(room=10_000), File("red?", what="?")
    for _ in range(2):
        with pytest.raises(BadSample, match="bad annotation: what: Extra inputs"):
            cache.get("a", file.read)
    assert file.reads == 2


def test_one_bad_annotation_leaves_the_others_of_its_record():
    cache, file = RecordCache(room=10_000), File("red?", 5)
    assert cache.get("a", file.read).annotation(0).text == "red?"
    with pytest.raises(BadSample, match=r"bad annotation: annotations\.1\.text"):
        cache.get("a", file.read).annotation(1)
    with pytest.raises(BadSample, match=r"bad annotation: KEY\.json has no annotation 2"):
        cache.get("a", file.read).annotation(2)
