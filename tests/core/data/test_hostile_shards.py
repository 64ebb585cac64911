"""Whatever a shard holds: samples, named problems or a refusal, never another error, and in bounded memory."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data.index import index_path
from multigraft.core.data.indexing import make_index, unsaved_indices
from multigraft.core.data.shard import Shard
from multigraft.core.data.shard_summary import summarize, total
from multigraft.core.data.tar_reader import RefusedShardError
from multigraft.core.errors import BadSample, MultigraftError

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**25), 10**25) | st.text(max_size=9)
    | st.sampled_from(["\ud83d", "t", "png", 10**400, 1e300, "a\0b", "\x1b[2J"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = (
    "id",
    "task",
    "type",
    "text",
    "context",
    "choices",
    "answers",
    "references",
    "span",
    "media",
    "weight",
    "source",
)
NOTES = st.dictionaries(st.sampled_from([*KEYS, "\udc00"]), VALUES, max_size=5)
NAMES = st.text(st.sampled_from("ab./_\ud800é\n\0²P"), min_size=1, max_size=7)


def read_whole(path):
    """Read everything there is to read, and what `data inspect --json` and `skipped.jsonl` would say of it."""
    try:
        with unsaved_indices():
            shard = Shard(path)
    except RefusedShardError as error:
        str(error).encode()
        return
    for sample in range(len(shard.index.keys)):
        for field in shard.index.fields_of(sample):
            shard.read(sample, field)
    for row in range(len(shard.index.annotations.task)):
        try:
            shard.annotation(row).model_dump_json().encode()
        except BadSample as error:
            str(error).encode()
    json.dumps(total([summarize(path)]), ensure_ascii=False, allow_nan=False).encode()


@given(data=st.data())
def test_any_bytes_within_a_tar(tmp_path_factory, make_tar, record, data):
    path = tmp_path_factory.mktemp("bytes") / "x.tar"
    long_name = ("k" * 150 + ".png", b"long")
    form = data.draw(st.sampled_from([0, 1, 2]))
    make_tar(
        path, ("k.json", record({"media": ["png"]})), ("k.png", b"x" * 700), *[long_name] * (form > 0), format=form
    )
    whole = bytearray(path.read_bytes()[:6000])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=20))
        whole[place : place + len(noise)] = noise
        header = place // 512 * 512
        if data.draw(st.booleans()) and len(whole) >= header + 512:
            whole[header + 148 : header + 156] = b" " * 8
            whole[header + 148 : header + 156] = b"%06o\0 " % sum(whole[header : header + 512])
    path.write_bytes(whole)
    read_whole(path)


@given(
    st.lists(NOTES | VALUES, max_size=4), VALUES, st.dictionaries(st.sampled_from(["source", "x", "\udc00"]), VALUES)
)
def test_any_json_within_a_record(tmp_path_factory, make_tar, notes, name, head):
    path = tmp_path_factory.mktemp("json") / "x.tar"
    value = {
        "id": name,
        "annotations": [{"id": "1", "task": "t", **note} if isinstance(note, dict) else note for note in notes],
    }
    make_tar(path, ("k.json", json.dumps(value | head).encode()), ("k.png", b""))
    read_whole(path)
    index = make_index(path)
    known_bad = sum(problem.count for problem in index.problems if problem.reason == "bad annotation")
    readable = 0
    for row in range(len(index.annotations.task)):
        try:
            Shard(path).annotation(row)
            readable += 1
        except BadSample:
            pass
    assert readable + known_bad >= len(notes)


@given(st.lists(NAMES, max_size=6))
def test_any_names_of_files(tmp_path_factory, make_tar, names):
    path = tmp_path_factory.mktemp("names") / "x.tar"
    try:
        make_tar(path, *[(name, b"{}") for name in names], errors="surrogatepass")
    except ValueError:  # no tar program writes these
        return
    read_whole(path)


@pytest.fixture
def bounded():
    """Index a shard; its index is no longer than `text` bytes, and took at most 100 MB."""

    def index(path, text):
        tracemalloc.start()
        try:
            shard = Shard(path)
            assert tracemalloc.get_traced_memory()[1] < 100 << 20
        finally:
            tracemalloc.stop()
        assert index_path(path).stat().st_size < text
        return shard.index

    return index


@pytest.mark.parametrize("item", [b"0", b"{}", b'{"task":"t"}', b'{"id":1,"task":"t"}', b"[]"])
def test_a_record_of_four_megabytes_has_one_problem(tmp_path, make_tar, bounded, item):
    count = (4 << 20) // (len(item) + 1)
    value = b'{"id":"k","annotations":[' + b",".join([item] * count) + b"]}"
    index = bounded(make_tar(tmp_path / "x.tar", ("k.json", value)), 1 << 20)
    (problem,) = index.problems
    assert problem.reason == "bad annotation"
    assert problem.count in (1, count)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_record_that_is_not_utf_8_is_bad(tmp_path, make_tar, record, encoding):
    value = record({"media": ["png"]}).decode().encode(encoding)
    index = make_index(make_tar(tmp_path / "x.tar", ("k.json", value), ("k.png", b"x")))
    assert [(problem.key, problem.reason) for problem in index.problems] == [("k", "bad annotation")]
    assert "KEY.json is not JSON" in index.problems[0].detail


def test_a_record_may_begin_with_a_byte_order_mark(tmp_path, make_tar, record):
    shard = Shard(make_tar(tmp_path / "x.tar", ("k.json", b"\xef\xbb\xbf" + record({"text": "é?"}))))
    assert shard.annotation(0).text == "é?"


def test_a_list_of_four_megabytes_is_no_record(tmp_path, make_tar, bounded):
    index = bounded(make_tar(tmp_path / "x.tar", ("k.json", b"[" + b"0," * (2 << 20) + b"0]")), 2000)
    assert [(problem.key, problem.reason) for problem in index.problems] == [("k", "bad annotation")]


def test_a_sample_of_ten_thousand_fields(tmp_path, make_tar, record, bounded):
    fields = [f"{number}.png" for number in range(10_000)]
    members = [("k.json", record({"media": fields})), *[(f"k.{field}", b"x") for field in fields]]
    index = bounded(make_tar(tmp_path / "x.tar", *members), 1 << 20)
    assert index.problems == []
    found = [index.file(0, field) for field in ("0.png", "9999.PNG", "10000.png")]
    assert [file and index.head.fields[file.field] for file in found] == ["0.png", "9999.png", None]


def test_more_annotations_than_a_record_may_have_are_counted(tmp_path, make_tar, record, bounded):
    index = bounded(make_tar(tmp_path / "x.tar", ("k.json", record(*[{}] * 12_000))), 1 << 20)
    assert len(index.annotations.task) == 10_000
    assert [(problem.reason, problem.count) for problem in index.problems] == [("bad annotation", 2000)]
    assert "more than 10000 annotations" in index.problems[0].detail


def test_a_shard_is_a_file(tmp_path):
    (tmp_path / "x.tar").mkdir()
    with pytest.raises(MultigraftError, match=r"x\.tar: it is no file"):
        Shard(tmp_path / "x.tar")
