"""Annotations in groups by their media."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data.packing.grouping import MediaGroups
from multigraft.core.errors import BadSample
from multigraft.core.types.annotation import Annotation

NAMES = st.lists(st.sampled_from(["a.jpg", "b.jpg", "B.jpg", "c.png"]), max_size=3)


def grouped(folder, annotations):
    groups = MediaGroups(folder)
    for each in annotations:
        groups.add(each)
    repeated = groups.close_adding()
    found = [groups.annotations(number) for number in range(len(groups))]
    groups.close()
    return found, repeated


@given(rows=st.lists(st.tuples(st.integers(0, 20), NAMES), max_size=40))
def test_groups_are_what_a_dictionary_would_make_of_them(tmp_path_factory, rows):
    annotations = [Annotation(id=str(number), task="t", text=f"{place}", media=tuple(media))
                   for place, (number, media) in enumerate(rows)]  # fmt: skip
    kept, later, expected = {}, [], {}
    for each in annotations:
        if each.id in kept:
            later.append(each.id)
        else:
            kept[each.id] = each
            expected.setdefault(frozenset(each.media), []).append(each)
    found, repeated = grouped(tmp_path_factory.getbasetemp(), annotations)
    assert found == list(expected.values())
    assert repeated == later


def test_annotations_that_differ_by_their_id_alone_are_duplicates(tmp_path):
    groups = MediaGroups(tmp_path)
    for name, text in (("a", "x"), ("b", "x"), ("b", "x"), ("c", "y"), ("d", "x")):
        groups.add(Annotation(id=name, task="t", text=text, media=("a.jpg",)))
    assert groups.close_adding() == ["b"]
    assert groups.duplicates == 2
    groups.close()


def test_groups_do_not_grow_beyond_what_a_record_may_have(tmp_path):
    found, _ = grouped(tmp_path, [Annotation(id=str(number), task="t", context="x" * 60_000) for number in range(20)])
    assert [len(group) for group in found] == [8, 8, 4]


def test_an_annotation_that_no_record_may_have_is_refused(tmp_path):
    groups = MediaGroups(tmp_path)
    with pytest.raises(BadSample, match="too large: the annotation has 600,"):
        groups.add(Annotation(id="1", task="t", context="x" * 600_000))


def test_nothing_is_left_in_the_folder(tmp_path):
    grouped(tmp_path, [Annotation(id="1", task="t")])
    assert list(tmp_path.iterdir()) == []


def test_the_digest_tells_rows_apart(tmp_path):
    made = []
    for text in ("a", "b", "a"):
        groups = MediaGroups(tmp_path)
        groups.add(Annotation(id="1", task="t", text=text))
        made.append(groups.digest)
    assert made[0] == made[2] != made[1]
