"""Shard patterns."""

from pathlib import Path

import pytest

from multigraft.core.data.paths import expand

ROOT = Path("shards")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{008..011}.tar", ["a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"]),
        ("{a,b}-{0..1}.tar", ["a-0.tar", "a-1.tar", "b-0.tar", "b-1.tar"]),
    ],
)
def test_brace_lists(pattern, names):
    assert expand(pattern, ROOT) == [ROOT / name for name in names]


def test_a_folder_gives_its_shards_in_order(tmp_path):
    for name in ("b.tar", "a.tar", "a.index", "c.txt"):
        (tmp_path / name).touch()
    assert expand(".", tmp_path) == [tmp_path / "a.tar", tmp_path / "b.tar"]


def test_an_absolute_path_leaves_the_root(tmp_path):
    assert expand(str(tmp_path / "a.tar"), ROOT) == [tmp_path / "a.tar"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a-{000..007.tar", "a brace without its partner"),
        ("a-{7..0}.tar", "runs backwards"),
        ("a-{x}.tar", "neither a range"),
        ("{0..99999999}.tar", r"names 100,000,000 shards; a pattern may name 100,000"),
        ("{0..999}/{0..999}.tar", r"names 1,000,000 shards; a pattern may name 100,000"),
        ("{0.." + "9" * 5000 + "}.tar", "neither a range"),
        ("{²..³}.tar", "neither a range"),
        ("a\0.tar", "a zero byte"),
        ("a" * 300 + ".tar", "more than 255 bytes"),
    ],
)
def test_wrong_braces(pattern, message):
    with pytest.raises(ValueError, match=message):
        expand(pattern, ROOT)


def test_an_address_is_no_path(tmp_path):
    with pytest.raises(ValueError, match=r"`https://\.\.\.` is an address"):
        expand("https://user:secret@example.org/a-{0..3}.tar", tmp_path)
