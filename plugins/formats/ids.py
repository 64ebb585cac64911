"""What data sets call their questions, pictures and clips, read off the ids of annotations; each may come up once."""

import re
from collections.abc import Hashable, Sequence
from typing import TypeVar

from multigraft import MultigraftError, Prediction

_Id = TypeVar("_Id", bound=Hashable)


def published_ids(predictions: Sequence[Prediction], form: re.Pattern[str]) -> list[str]:
    """What the data set calls each row.

    Args:
        form: what every name looks like.

    Raises:
        MultigraftError: a name looks otherwise, or two have the same.
    """
    for each in predictions:
        if not form.fullmatch(each.published_id):
            told = f"the id {each.id!r} ends in no name such as this leaderboard goes by, {form.pattern}"
            raise MultigraftError(f"{told}; pack the set with `data pack --kind` of its name")
    return _each_once(predictions, [each.published_id for each in predictions])


def published_numbers(predictions: Sequence[Prediction]) -> list[int]:
    """The number that the data set gives each row.

    Raises:
        MultigraftError: an id has none, or two have the same.
    """
    return _each_once(predictions, [_number_of(each) for each in predictions])


def _each_once(predictions: Sequence[Prediction], found: list[_Id]) -> list[_Id]:
    first: dict[_Id, str] = {}
    for prediction, one in zip(predictions, found, strict=True):
        if one in first:
            told = f"{first[one]!r} and {prediction.id!r}"
            raise MultigraftError(f"{told} are both {one} to this leaderboard, which takes one answer of each")
        first[one] = prediction.id
    return found


def _number_of(prediction: Prediction) -> int:
    name = prediction.published_id
    if not (name.isascii() and name.isdecimal()):
        hint = "pack the set with `data pack --kind` of its name, and an annotation for each picture or clip"
        raise MultigraftError(f"the id {prediction.id!r} ends in no number, which this leaderboard goes by; {hint}")
    return int(name)
