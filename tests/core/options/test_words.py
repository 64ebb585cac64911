"""What is said of values that an option cannot have."""

from typing import Literal

import pytest
import yaml
from pydantic import Field, ValidationError

from multigraft.core.options.base import Options
from multigraft.core.options.words import help_of, told_of, written_text


class Example(Options):
    """Options with a field of each kind."""

    kind: str = "example"
    whole: int = Field(1, ge=1, multiple_of=1)
    number: float = 1.0
    flag: bool = False
    text: str = Field("a", min_length=1, max_length=3)
    form: str = Field("a1", pattern="^[a-z][0-9]$")
    items: list[int] = Field([1], min_length=1, max_length=2)
    keys: dict[str, list[str]] = Field({})
    pair: tuple[int, int] = (1, 2)
    one: Literal["left", "right"] = "left"
    either: int | list[str] = 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"whole": "x"}, "whole: expected a whole number, got 'x'"),
        ({"whole": 1.5}, "whole: expected a whole number, got 1.5"),
        ({"whole": 0}, "whole: 0 should be greater than or equal to 1"),
        ({"number": "x"}, "number: expected a number, got 'x'"),
        ({"flag": "maybe"}, "flag: expected true or false, got 'maybe'"),
        ({"text": 3}, "text: expected text, got 3"),
        ({"text": ""}, "text: expected at least 1 character, got ''"),
        ({"text": "long"}, "text: expected at most 3 characters, got 'long'"),
        ({"text": "\ud83d"}, "text: '\\ud83d' has half of a surrogate pair, which is no text"),
        ({"form": "1a"}, "form: '1a' has not the form ^[a-z][0-9]$"),
        ({"items": 3}, "items: expected a list, got 3"),
        ({"items": []}, "items: expected at least 1 item, got 0"),
        ({"items": [1, 2, 3]}, "items: expected at most 2 items, got 3"),
        ({"items": ["x"]}, "items.0: expected a whole number, got 'x'"),
        ({"keys": 3}, "keys: expected a mapping of keys, got 3"),
        ({"keys": {"str": 3}}, "keys.str: expected a list, got 3"),
        ({"keys": {1: []}}, "keys.1: expected text, got 1"),
        ({"pair": [1]}, "pair.1: item 2 is missing"),
        ({"pair": [1, 2, 3]}, "pair: expected at most 2 items, got 3"),
        ({"one": "lefft"}, "one: 'lefft' is not one of 'left' or 'right'; did you mean 'left'?"),
        ({"either": "x"}, "either: expected a whole number, got 'x'"),
        ({"either": [None]}, "either.0: expected text, got nothing"),
        ({"other": 1}, "other: unknown key 'other'"),
        (
            {"whole": None, "flag": []},
            "whole: expected a whole number, got nothing; flag: expected true or false, got a list",
        ),
    ],
)
def test_each_kind_of_value_is_told_in_words_of_its_author(given, told):
    with pytest.raises(ValidationError) as error:
        Example.model_validate(given)
    assert told_of(error.value, given) == told


@pytest.mark.parametrize(
    "text", ["train.csv", "data/a-b_c.csv", "*.csv", "{a,b}.tar", "1", "1.5", "a: b", "a #b", "é.csv", "C:\\a"]
)
def test_a_text_is_told_as_yaml_reads_it_again(text):
    assert yaml.safe_load(f"[{written_text(text)}]") == [text]


def test_names_and_paths_stand_without_quotes():
    assert written_text("data/train-1.csv") == "data/train-1.csv"


def test_the_help_of_an_option_is_its_first_sentence():
    assert help_of("What stands\n    between cells. More of it.") == "What stands between cells"
    assert help_of(None) == ""
