"""JSON read value by value, in pieces of any size."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.errors import MultigraftError
from multigraft.plugins.sources.json_text import object_members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    value=st.dictionaries(st.text(), VALUES, max_size=4), piece=st.integers(1, 40), indent=st.sampled_from([None, 1])
)
def test_members_are_those_of_the_whole_file_whatever_the_pieces(tmp_path_factory, value, piece, indent):
    path = tmp_path_factory.mktemp("json") / "value.json"
    path.write_text(json.dumps(value, indent=indent))
    assert list(object_members(path, piece=piece)) == list(value.items())
    apart = [(key, each) for key, held in value.items() for each in (held if isinstance(held, list) else [held])]
    assert list(object_members(path, apart=True, piece=piece)) == apart


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1]", "it is no object with keys"),
        ("", "it is no object with keys"),
        ('{"a": 1', "a comma or the end is missing, where '' stands"),
        ('{"a" 1}', "a key and a colon are missing, where '1' stands"),
        ("{1: 1}", "a key and a colon are missing"),
        ('{"a": [1 2]}', "a comma or the end is missing, where '2' stands"),
        ('{"a": tru}', "Expecting value"),
    ],
)
def test_a_file_of_another_form_is_an_error(tmp_path, text, told):
    path = tmp_path / "value.json"
    path.write_text(text)
    with pytest.raises(MultigraftError, match=told):
        list(object_members(path, apart=True))
