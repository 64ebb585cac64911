"""Every file of a shard is a sample's, or is named with a reason."""

import json

import pytest

from multigraft.core.data.indexing import make_index
from multigraft.core.data.shard_summary import summarize
from multigraft.core.data.shard_writer import ShardFile
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.types.annotation import Annotation, Record


@pytest.fixture
def problems(tmp_path, make_tar):
    """What the index of a tar with these members complains of: `(key, reason, count)`."""

    def find(*members):
        found = make_index(make_tar(tmp_path / "x.tar", *members)).problems
        return [(problem.key, problem.reason, problem.count) for problem in found]

    return find


def good(record, key):
    return [(f"{key}.json", record({"media": ["png"]}, key=key)), (f"{key}.png", b"x")]


def test_keys_with_dots_are_named_beside_good_samples(problems, record):
    members = [each for key in ("a", "b.v2", "c", "d.v2", "img_0.5", "img_0.7") for each in good(record, key)]
    assert problems(*members) == [("b", "dotted key", 1), ("d", "dotted key", 1), ("img_0", "dotted key", 2)]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("a.jpg", b""), ("a.json", b'{"caption": "a dog", "url": "u", "status": "success"}')], "bad annotation"),
        ([("a.jpg", b""), ("a.txt", b"a dog")], "no question"),
    ],
)
def test_tars_of_captions_are_told_the_source_that_reads_them(tmp_path, make_tar, members, reason):
    (problem,) = make_index(make_tar(tmp_path / "x.tar", *members)).problems
    assert problem.reason == reason
    assert "`{image-text-shards: TAR}`" in problem.detail


def test_other_samples_without_annotations_are_told_no_source(tmp_path, make_tar):
    found = make_index(make_tar(tmp_path / "x.tar", ("a.png", b""), ("b.json", b'{"id": "b"}'))).problems
    assert len(found) == 2
    assert not any("image-text-shards" in problem.detail for problem in found)


def test_a_dotted_record_in_a_sample_that_has_one(problems, record):
    assert problems(*good(record, "k"), *good(record, "k.v2")) == [("k", "dotted key", 1)]


def test_fields_with_dots_that_an_annotation_names_are_media(problems, record):
    media = ["0.png", "scan.v2.json"]
    assert problems(("k.json", record({"media": media})), ("k.0.png", b""), ("k.scan.v2.json", b"")) == []


def test_samples_without_a_question_are_counted(problems, record):
    members = [("a.png", b""), ("b.json", record(key="b")), ("b.png", b""), *good(record, "c"), ("d.1.png", b"")]
    assert problems(*members) == [("a", "no question", 1), ("b", "no question", 1), ("d", "no question", 1)]


def test_a_record_without_its_media_and_media_that_nobody_names(problems, record):
    members = [
        ("a.json", record({"media": ["png"]}, {"media": ["jpg"]}, {})), ("a.jpg", b""),
        ("b.json", record({"text": "what?"})), ("b.jpg", b""), ("b.png", b""),
    ]  # fmt: skip
    assert problems(*members) == [("a", "missing field", 1), ("b", "unused file", 2)]


def test_case_of_extensions_is_folded_on_both_sides(problems, record, tmp_path):
    for named in ("png", "PNG", "Png"):
        assert problems(("k.json", record({"media": [named]})), ("k.PNG", b"x")) == []
        annotation = summarize(tmp_path / "x.tar")["records"][0]["annotation"]
        assert annotation["media"] == [named]


def test_files_that_belong_to_no_sample(problems, record):
    members = [
        ("._a.json", b"mac"), *good(record, "a"), ("._a.png", b"mac"), (".DS_Store", b"mac"), ("__MACOSX/._b", b"mac"),
        ("README", b"read me"), ("x/Thumbs.db", b"win"), ("__meta__.json", b"{}"), (".hidden.png", b""), ("end.", b""),
    ]  # fmt: skip
    assert problems(*members) == [
        ("._a.json", "foreign file", 4), ("README", "foreign file", 2), ("x/Thumbs.db", "foreign file", 1),
        ("__meta__.json", "foreign file", 1), (".hidden.png", "foreign file", 1),
    ]  # fmt: skip


def test_a_tar_without_samples_is_one(problems):
    assert problems() == [("", "no samples", 1)]
    assert problems(("README", b"")) == [("README", "foreign file", 1), ("", "no samples", 1)]


def test_stored_features_need_no_record(tmp_path):
    file = ShardFile(tmp_path / "x.tar")
    file.add("a", None, {"features.safetensors": b"12345678"})
    file.add("b", None, {"bad.json": b"{}"})
    file.close()
    index = make_index(tmp_path / "x.tar")
    assert index.head.holds_features
    assert index.problems == []


def test_features_among_samples_are_samples_without_a_question(problems, record):
    assert problems(*good(record, "a"), ("b.features.safetensors", b"")) == [("b", "no question", 1)]


def test_many_problems_are_listed_a_hundred_times_and_then_counted(problems):
    found = problems(*[(f"k{number:03}.png", b"") for number in range(150)])
    assert found[:100] == [(f"k{number:03}", "no question", 1) for number in range(100)]
    assert found[100:] == [("", "no question", 50)]


def test_what_a_listed_remainder_stands_for_is_not_counted_again(pack, open_task):
    note = {"task": "echo", "text": "what?", "media": ("jpg",)}
    pack([(f"k{number:03}", [Annotation(id=str(number), **note)], {}) for number in range(150)], per_shard=150)
    log = SkippedLog(None, 1.0)
    source = open_task("vqa", log=log)
    assert source.size == 150
    assert log.facts()["problems"] == {"missing field": 150}


def test_bad_annotations_are_one_problem_a_record(problems):
    rows = [{"id": "1", "task": "t"}, {"id": 2, "task": "t"}, 0, {"id": "4", "task": "t", "weight": -1}]
    assert problems(("k.json", json.dumps({"id": "k", "annotations": rows}).encode())) == [("k", "bad annotation", 3)]


def test_the_writer_makes_shards_without_problems(pack):
    (path,) = pack([("k", Record(id="k", annotations=(Annotation(id="1", task="t"),)).annotations, {})])
    assert make_index(path).problems == []


def test_media_that_lie_apart_are_no_fields_that_lack(problems, record):
    apart = record({"media": ["pictures/a.png"]}, apart=True)
    assert problems(("k.json", apart)) == []
    assert problems(("k.json", apart), ("k.png", b"x")) == [("k", "unused file", 1)]
    assert problems(("k.json", record({"media": ["pictures/a.png"]}))) == [("k", "missing field", 1)]
    assert problems(("k.json", record({"media": ["a.png"]}, apart="yes"))) == [("k", "bad annotation", 1)]
