"""YAML as nodes: values, repeated keys, bounds."""

import math

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from multigraft.core.recipe.yaml_nodes import compose, faults, values, write

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(SCALARS, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=12)


@given(TREES)
@example({"\x85": "one\u2028two\u2029three\ufeff"})
def test_what_is_written_is_read_back(tree):
    assert values(compose(write(tree), "test")) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("2.0e-3", 2e-3), ("007", 7), ("no", "no"), ("on", "on"), ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"), ("true", True), ("~", None), ("", None), ("-.inf", -math.inf), ("'1'", "1"),
        ("9" * 5000, math.inf),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text, value):
    assert values(compose(f"a: {text}", "test")) == {"a": value}


def test_merge_keys_fill_what_is_not_given():
    text = "{base: &base {a: 1, b: 2}, other: {<<: *base, b: 3}}"
    assert values(compose(text, "test"))["other"] == {"a": 1, "b": 3}
    assert list(faults(compose(text, "test"))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: 1, a: 2}", "key 'a' is given twice"),
        ("{[1]: 2}", "a key must be a plain word"),
        ("{<<: 3}", "`<<` merges mappings only"),
        ("&a [*a]", "aliases make this document endless or far too large"),
    ],
)
def test_faults(text, message):
    assert [fault[1] for fault in faults(compose(text, "test"))] == [message]


def test_a_bomb_of_aliases_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "far too large" in next(faults(compose("\n".join(lines), "test")))[1]


def test_deep_nesting_is_refused_and_not_a_recursion_error():
    with pytest.raises(yaml.MarkedYAMLError, match="nested more than 40 levels deep"):
        compose("[" * 5000, "test")
