"""Where each annotation stands in the text of a `KEY.json`, so that one can be read without the others."""

from collections.abc import Iterator, Sequence
from json import JSONDecoder
from json.decoder import WHITESPACE, scanstring  # type: ignore[attr-defined]
from typing import Any

_DECODER = JSONDecoder()


def annotation_spans(data: bytes) -> Sequence[tuple[int, int]]:
    """First byte and number of bytes of each value in the list `annotations` of a sound `KEY.json`."""
    text = data.decode("utf-8", "surrogatepass")
    spans = list(_spans(text))
    if len(text) == len(data):
        return [(start, end - start) for start, end in spans]
    return list(_in_bytes(text, spans))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """In characters."""
    place = _behind(text, 0, "{")
    while text[place] != "}":
        name, place = scanstring(text, place + 1, True)
        place = _behind(text, place, ":")
        if name == "annotations":
            yield from _members(text, _behind(text, place, "["))
            return
        place = _separated(text, _DECODER.raw_decode(text, place)[1])


def _members(text: str, place: int) -> Iterator[tuple[int, int]]:
    while text[place] != "]":
        end = _DECODER.raw_decode(text, place)[1]
        yield place, end
        place = _separated(text, end)


def _behind(text: str, place: int, mark: str) -> int:
    """The next character behind a mark."""
    return _next(text, text.index(mark, _next(text, place)) + 1)


def _separated(text: str, place: int) -> int:
    """The next character behind a value, and behind a comma."""
    place = _next(text, place)
    return _next(text, place + 1) if text[place] == "," else place


def _next(text: str, place: int) -> int:
    match: Any = WHITESPACE.match(text, place)
    return int(match.end())


def _in_bytes(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans of characters as spans of bytes, in one pass."""
    at = byte = 0
    for start, end in spans:
        first = byte + len(text[at:start].encode("utf-8", "surrogatepass"))
        size = len(text[start:end].encode("utf-8", "surrogatepass"))
        yield first, size
        at, byte = end, first + size
