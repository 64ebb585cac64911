"""Decodes `KEY.json` within bounds of size, number of values and depth."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from multigraft.core.errors import BadSample, legible

RECORD_FIELD = "json"
LARGEST_RECORD = 16 << 20
"""Bytes of a `KEY.json`, at most."""
MOST_VALUES = 300_000
"""Values in a `KEY.json`, at most: they take far more memory than their text."""
MOST_ANNOTATIONS = 10_000
"""Annotations of a record that are used."""
OF_CAPTION_TARS = (
    "tars of captions, as img2dataset and video2dataset make them, are named `{image-text-shards: TAR}` in a recipe, "
    "or packed by `data pack --kind image-text-shards`"
)
"""What to say where a shard looks like one of these."""
_OF_CAPTION_TARS = ("caption", "url", "status")
"""Keys of the records in them."""
_STRING = re.compile(rb'"(?:[^"\\]+|\\.?)*+"?', re.DOTALL)
"""A text of JSON, or all that follows one that has no end; it never goes back."""
_SOME_STRINGS = re.compile(rb'(?:[^"]*+' + _STRING.pattern + rb"){1,4096}+", re.DOTALL)
"""Many at a time: a step of Python for each text of a record would take a second."""


def parse_json(data: bytes) -> Any:
    """Decode a `KEY.json`.

    Raises:
        BadSample: `bad annotation`.
    """
    if len(data) > LARGEST_RECORD:
        raise BadSample("bad annotation", f"KEY.json has {len(data)} bytes, more than {LARGEST_RECORD}")
    if _marks(data) > MOST_VALUES and _has_too_many(data):
        raise BadSample("bad annotation", f"KEY.json has more than {MOST_VALUES} values")
    try:
        return json.loads(data.decode("utf-8-sig", "surrogatepass"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise BadSample("bad annotation", legible(f"KEY.json is not JSON: {error}")) from None


def annotated(record: Any) -> dict[str, Any]:
    """A decoded `KEY.json`, if it is an object with a list `annotations`.

    Raises:
        BadSample: `bad annotation`.
    """
    if isinstance(record, dict) and isinstance(record.get("annotations"), list):
        return record
    alike = isinstance(record, dict) and "annotations" not in record and any(key in record for key in _OF_CAPTION_TARS)
    hint = f"; {OF_CAPTION_TARS}" if alike else ""
    raise BadSample("bad annotation", f"KEY.json has no list `annotations`{hint}")


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {repeated!r} stands twice in one object")
    return found


def _has_too_many(data: bytes) -> bool:
    """Whether there are more values than may be; looks no further than it takes to say."""
    marks = texts = place = 0
    while some := _SOME_STRINGS.match(data, place):
        between, count = _STRING.subn(b"", some[0])
        marks, texts, place = marks + _marks(between), texts + count, some.end()
        if marks > MOST_VALUES or texts > 2 * MOST_VALUES:  # each has a mark or a colon beside it
            return True
    return marks + _marks(data[place:]) > MOST_VALUES


def _marks(data: bytes) -> int:
    """How many commas and opening brackets there are: outside of texts, at least as many as values."""
    return sum(map(data.count, (b",", b"[", b"{")))
