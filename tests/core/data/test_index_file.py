"""An index is believed only as it was written."""

import json
import os
import zlib
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data import index_tables
from multigraft.core.data.index import ANNOTATION, FILE, NUMBER, index_path
from multigraft.core.data.index_file import _PREFIX, MAGIC
from multigraft.core.data.indexing import load_index, make_index, open_index
from multigraft.core.data.open_file import kept_open
from multigraft.core.data.shard import Shard
from multigraft.core.errors import MultigraftError

COLOURS = ("red", "blue", "green")


@pytest.fixture(scope="module")
def shard(tmp_path_factory, make_tar, record):
    members = []
    for colour in COLOURS:
        members.append((f"{colour}.json", record({"text": f"what is {colour}?", "media": ["png"]}, key=colour)))
        members.append((f"{colour}.png", colour.encode()))
    return make_tar(tmp_path_factory.mktemp("shard") / "x.tar", *members)


def pairs(shard):
    assert shard.index.keys == list(COLOURS)
    assert shard.index.rows(shard.index.groups(["t"])).tolist() == [0, 1, 2]
    return [
        (shard.annotation(row).text, shard.read(int(sample), "png").decode())
        for row, sample in enumerate(shard.index.annotations.sample)
    ]


RIGHT = [(f"what is {colour}?", colour) for colour in COLOURS]


def parts(data):
    """Head and tables of an index."""
    start = len(data) - len(data[_PREFIX.size :])
    size = _PREFIX.unpack_from(data)[1]
    head = json.loads(data[start : start + size])
    rest = data[start + size :]
    return head["head"], {name: rest[at : at + length] for name, (at, length, _) in head["tables"].items()}


def resealed(head, tables):
    """An index with right checksums over whatever it says."""
    places, offset = {}, 0
    for name, table in tables.items():
        places[name] = (offset, len(table), zlib.crc32(table))
        offset += len(table)
    text = json.dumps({"head": head, "tables": places}).encode()
    return _PREFIX.pack(MAGIC, len(text), blake2b(text, digest_size=16).digest()) + text + b"".join(tables.values())


def same(index, other):
    return parts(index)[1] == parts(other)[1]


def test_an_index_tells_where_each_field_and_each_annotation_lies(shard):
    index, data = Shard(shard).index, shard.read_bytes()
    assert index.keys == list(COLOURS)
    assert index.head.fields == ("json", "png")
    for number, colour in enumerate(COLOURS):
        picture, asked = index.file(number, "PNG"), index.annotation(number)
        assert data[picture.offset : picture.offset + picture.size] == colour.encode()
        assert json.loads(data[asked.start : asked.start + asked.size])["text"] == f"what is {colour}?"
    assert make_index(shard).head == index.head


@pytest.mark.parametrize("what", ["folder", "pipe", "of a terabyte", "link"])
def test_an_index_that_is_no_file_of_its_size_is_made_again(shard, tmp_path, what):
    path = tmp_path / "x.tar"
    path.write_bytes(shard.read_bytes())
    beside = index_path(path)
    if what == "folder":
        beside.mkdir()
    elif what == "pipe":
        os.mkfifo(beside)
    elif what == "of a terabyte":
        beside.touch()
        os.truncate(beside, 1 << 40)
    else:
        beside.symlink_to("nowhere")
    if what == "folder":
        with pytest.warns(UserWarning, match="is kept in memory only"):
            assert pairs(Shard(path)) == RIGHT
    else:
        assert pairs(Shard(path)) == RIGHT
        assert Shard(path).index.keys == list(COLOURS)


@given(data=st.data())
def test_whatever_byte_of_an_index_is_changed_the_right_samples_are_read(shard, data):
    Shard(shard)
    path = index_path(shard)
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(bad[: data.draw(st.sampled_from([place, len(bad)]))]))
    assert pairs(Shard(shard)) == RIGHT
    assert path.read_bytes() == good


def column(kind, name, *values):
    """A table with other values in one of its columns."""

    def change(head, tables):
        table = np.frombuffer(tables[kind[0]], kind[1]).copy()
        (table if name is None else table[name])[...] = values if len(values) > 1 else values[0]
        tables[kind[0]] = table.tobytes()

    return change


def entry(name, value):
    def change(head, tables):
        head[name] = value

    return change


FILES, ROWS = ("files", FILE), ("annotations", ANNOTATION)
FIRST, ENDS, ORDER = ("first", NUMBER), ("key_ends", NUMBER), ("order", NUMBER)


@pytest.mark.parametrize(
    "change",
    [
        column(FILES, "offset", 10**6), column(FILES, "size", 1 << 40), column(FILES, "offset", 2**64 - 1),
        column(FILES, "size", 2**63), column(ROWS, "start", 2**64 - 1), column(FILES, "field", 7),
        column(FIRST, None, 0, 2, 4, 5),
        column(FIRST, None, 0, 4, 2, 6), column(FIRST, None, 1, 2, 4, 6), column(ROWS, "sample", 0, 1, 3),
        column(ROWS, "task", 1), column(ROWS, "source", 9), column(ROWS, "type", 9), column(ROWS, "start", 10**9),
        column(ROWS, "size", 2**32 - 1), column(ORDER, None, 0, 1, 3), column(ENDS, None, 3, 7, 11),
        column(ENDS, None, 7, 3, 12), entry("tasks", []), entry("tasks", None), entry("samples", 2),
        entry("samples", -1), entry("fields", ["json", "json"]), entry("stamp", "now"), entry("groups", []),
        entry("groups", [{"task": 4, "source": 0, "count": 3}]), entry("problems", 0.5), entry("what", 1),
        lambda head, tables: tables.pop("order"), lambda head, tables: tables.update(first=b""),
        lambda head, tables: tables.update(files=tables["files"][:-1]),
    ],
)  # fmt: skip
def test_an_index_that_makes_no_sense_is_made_again_though_its_checksums_are_right(shard, change):
    load_index(shard)
    right = index_path(shard).read_bytes()
    head, tables = parts(right)
    change(head, tables)
    index_path(shard).write_bytes(resealed(head, tables))
    assert pairs(Shard(shard)) == RIGHT
    assert same(index_path(shard).read_bytes(), right)


@pytest.mark.parametrize(
    "text", [b"", b"[", b"[1]", b'[{"key": "k"}]', b"[" * 9999, b'[{"key": "k", "reason": "r", "detail": "d", "x": 1}]']
)
def test_problems_that_are_none_are_made_again(tmp_path, make_tar, text):
    path = make_tar(tmp_path / "x.tar", ("k.png", b"x"))
    (problem,) = load_index(path).problems
    head, tables = parts(index_path(path).read_bytes())
    index_path(path).write_bytes(resealed(head, tables | {"problems": text}))
    assert load_index(path).problems == [problem]


@pytest.mark.parametrize("size", [2**70, 2**63, -1])
def test_a_shard_of_a_size_that_no_file_has(shard, size):
    load_index(shard)
    right = index_path(shard).read_bytes()
    head, tables = parts(right)
    index_path(shard).write_bytes(resealed(head | {"stamp": [size, 0]}, tables))
    with pytest.raises(ValueError, match="a shard of no size that files have"):
        open_index(shard)
    index_path(shard).write_bytes(right)


def test_keys_that_are_no_text_are_escaped(shard):
    load_index(shard)
    head, tables = parts(index_path(shard).read_bytes())
    index_path(shard).write_bytes(resealed(head, tables | {"key_text": b"\xffed" + tables["key_text"][3:]}))
    index = load_index(shard)
    assert [index.keys[0], index.key(0), index.key(1)] == ["\\xffed", "\\xffed", "blue"]
    index_path(shard).unlink()


def test_tables_beyond_all_measure_are_not_read(shard):
    load_index(shard)
    head, tables = parts(index_path(shard).read_bytes())
    text = resealed(head, tables)
    huge = text.replace(b'"key_text": [', b'"key_text": [1')
    size = _PREFIX.unpack_from(text)[1] + 1
    body = huge[_PREFIX.size : _PREFIX.size + size]
    index_path(shard).write_bytes(
        _PREFIX.pack(MAGIC, size, blake2b(body, digest_size=16).digest()) + huge[_PREFIX.size :]
    )
    assert pairs(Shard(shard)) == RIGHT


def test_single_rows_of_large_tables_are_read_as_whole_tables_are(shard, monkeypatch):
    monkeypatch.setattr(index_tables, "_LARGE", 8)
    opened = Shard(shard)
    assert pairs(opened) == RIGHT
    assert [opened.index.key(number) for number in range(3)] == list(COLOURS)
    with index_path(shard).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    assert pairs(Shard(shard)) == RIGHT


def test_a_table_that_is_damaged_under_way_is_made_again(shard, capsys):
    opened = Shard(shard)
    path = index_path(shard)
    good = path.read_bytes()
    path.write_bytes(good[:-200] + bytes(200))
    assert pairs(opened) == RIGHT
    assert "x.tar.index is damaged (" in capsys.readouterr().err
    assert path.read_bytes() == good


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"[" * 100_000, b"\xff\xfe", b"null", MAGIC, MAGIC + b"\xff" * 99, MAGIC + bytes(9999), b"9" * 5000],
)
def test_rubbish_is_no_index(shard, rubbish):
    index_path(shard).write_bytes(rubbish)
    assert pairs(Shard(shard)) == RIGHT


def test_an_index_that_another_process_writes_anew_is_read_on(shard, tmp_path, capsys):
    path = tmp_path / "x.tar"
    path.write_bytes(shard.read_bytes())
    opened = Shard(path)
    beside = index_path(path)
    written = beside.read_bytes()
    kept_open.cache_clear()
    beside.unlink()
    beside.write_bytes(written)
    os.utime(beside, ns=(1, 1))
    assert pairs(opened) == RIGHT
    assert capsys.readouterr().err == "", "it is not walked again"


def test_a_damaged_index_without_its_shard_is_removed_and_told(shard, tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(shard.read_bytes())
    opened = Shard(path)
    beside = index_path(path)
    beside.write_bytes(beside.read_bytes()[:-200] + bytes(200))
    path.unlink()
    with pytest.raises(MultigraftError, match=r"x\.tar\.index is damaged .* its shard is not beside it; it is removed"):
        opened.index.keys  # noqa: B018 - reads them
    assert not beside.exists()


def test_tasks_of_several_sources_are_read_in_the_shards_order(tmp_path, make_tar, record):
    rows = [{"text": f"{number}?", "source": "ab"[number % 2]} for number in range(10)]
    index = Shard(make_tar(tmp_path / "x.tar", ("k.json", record(*rows)))).index
    groups = index.groups(["t"])
    assert len(groups) == 2
    assert [index.row(groups, number) for number in range(10)] == list(range(10))


def test_names_that_no_index_can_hold_make_bad_annotations(tmp_path, make_tar, record):
    shard = Shard(make_tar(tmp_path / "x.tar", ("k.json", record({"text": "a?"}, {"text": "b?", "type": "x" * 2000}))))
    assert [(each.reason, each.count) for each in shard.index.problems] == [("bad annotation", 1)]
    assert shard.index.head.types == ("",)
