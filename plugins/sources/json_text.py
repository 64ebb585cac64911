"""JSON that is read value by value, in memory of a few at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from multigraft import MultigraftError

PIECE = 1 << 20
"""Characters that are read at a time, at least."""
LARGEST_VALUE = 16 << 20
"""Characters of one value."""
_SPACE = " \t\r\n"


def object_members(path: Path, apart: bool = False, piece: int = PIECE) -> Iterator[tuple[str, Any]]:
    """Keys and values of the object that a file is, one by one.

    Args:
        apart: give the items of a list one by one too, each with the key of the list.
        piece: characters that are read at a time, at least.

    Raises:
        MultigraftError: it is no object, or no JSON.
    """
    with path.open(encoding="utf-8-sig") as file:
        stream = JsonText(file, piece)
        try:
            if stream.next_mark() != "{":
                raise MultigraftError(f"{path}: it is no object with keys")
            for key in stream.member_keys():
                if apart and stream.next_mark() == "[":
                    yield from ((key, item) for item in stream.items())
                else:
                    yield key, stream.value()
        except (ValueError, RecursionError) as error:
            raise MultigraftError(f"{path}: it is no JSON: {error}") from None


class JsonText:
    """The text of a file from a place on."""

    def __init__(self, file: TextIO, piece: int) -> None:
        self._file, self._piece, self._text, self._place = file, piece, "", 0
        self._decoder = json.JSONDecoder()

    def next_mark(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._place < len(self._text) and self._text[self._place] in _SPACE:
                self._place += 1
            if self._place < len(self._text) or not self._more():
                return self._text[self._place : self._place + 1]

    def skip(self, count: int) -> None:
        """Go on behind some characters."""
        self._place += count

    def items(self) -> Iterator[Any]:
        """The items of the list that begins here.

        Raises:
            ValueError: it is none.
        """
        for _ in self._places("]"):
            yield self.value()

    def member_keys(self) -> Iterator[str]:
        """The keys of the object that begins here; take the value behind each before the next.

        Raises:
            ValueError: it is none.
        """
        for _ in self._places("}"):
            key = self.value()
            if not isinstance(key, str) or self.next_mark() != ":":
                raise ValueError(f"a key and a colon are missing, where {self.next_mark()!r} stands")
            self.skip(1)
            yield key

    def _places(self, end: str) -> Iterator[None]:
        """Stops at each item behind the mark that opens a list or an object, up to the mark that ends it."""
        self.skip(1)
        if self.next_mark() == end:
            self.skip(1)
            return
        while True:
            yield
            mark = self.next_mark()
            self.skip(1)
            if mark == end:
                return
            if mark != ",":
                raise ValueError(f"a comma or the end is missing, where {mark!r} stands")

    def value(self) -> Any:
        """The value that begins here.

        Raises:
            ValueError: none does.
        """
        self.next_mark()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._place)
            except ValueError:
                if len(self._text) - self._place > LARGEST_VALUE or not self._more():
                    raise
                continue
            if end == len(self._text) and self._more():  # a number may go on
                continue
            self._place = end
            return value

    def _more(self) -> bool:
        piece = self._file.read(max(self._piece, len(self._text) - self._place))
        self._text, self._place = self._text[self._place :] + piece, 0
        return bool(piece)
