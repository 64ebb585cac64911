"""An annotation is read by itself, whatever stands around it in its record."""

import json
import tarfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data.record_spans import annotation_spans
from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.just('annotations": [1'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SPACES = st.sampled_from([None, 0, 1, "\t"])


@given(
    before=st.dictionaries(TEXT, VALUE, max_size=3),
    rows=st.lists(VALUE, max_size=5),
    after=st.dictionaries(TEXT, VALUE, max_size=3),
    escaped=st.booleans(),
    indent=SPACES,
)
def test_the_span_of_each_annotation_is_its_own_text(before, rows, after, escaped, indent):
    record = {**before, "annotations": rows, **{k: v for k, v in after.items() if k != "annotations"}}
    record["annotations"] = rows
    data = json.dumps(record, ensure_ascii=escaped, indent=indent).encode()
    assert [json.loads(data[start : start + size]) for start, size in annotation_spans(data)] == rows


@pytest.fixture
def shard(tmp_path):
    """A shard of one record."""

    def make(record):
        data = json.dumps(record, ensure_ascii=False).encode()
        with tarfile.open(tmp_path / "x.tar", "w") as tar:
            entry = tarfile.TarInfo("k.json")
            entry.size = len(data)
            tar.addfile(entry, BytesIO(data))
        return Shard(tmp_path / "x.tar")

    return make


def asked(*texts):
    return [{"id": str(number), "task": "t", "text": text} for number, text in enumerate(texts)]


def test_each_annotation_has_the_source_of_its_record_or_its_own(shard):
    rows = asked("red?", "grün? \U0001f3a8", "blue?")
    rows[2]["source"] = 'a "quoted" one'
    opened = shard({"id": "k", "source": "s", "annotations": rows})
    found = [opened.annotation(row) for row in (1, 0, 2)]
    assert [(each.text, each.source) for each in found] == [
        ("grün? \U0001f3a8", "s"),
        ("red?", "s"),
        ("blue?", 'a "quoted" one'),
    ]


def test_one_bad_annotation_leaves_the_others_of_its_record(shard):
    opened = shard({"id": "k", "annotations": asked("red?", 5, "blue?")})
    assert [opened.annotation(row).text for row in (0, 2)] == ["red?", "blue?"]
    with pytest.raises(BadSample, match=r"bad annotation: annotations\.1\.text: Input should be a valid string"):
        opened.annotation(1)


def test_a_record_that_is_bad_as_a_whole_gives_none_of_its_annotations(shard):
    opened = shard({"id": "k", "what": "?", "annotations": asked("red?", "blue?")})
    for row in (0, 1):
        with pytest.raises(BadSample, match="bad annotation: what: Extra inputs"):
            opened.annotation(row)
