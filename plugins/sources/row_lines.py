"""The lines of a delimited file, with those of the row that is being read: to tell where it stands."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import TextIO

_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*"?')


class RowLines(Iterator[str]):
    """The lines of a file, from 1; call `begin_row` before each row."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._row = file, list[str]()
        self.last = 0
        """Number of the line that was read last."""

    def __next__(self) -> str:
        line = next(self._file)
        self._row.append(line)
        self.last += 1
        return line

    def begin_row(self) -> None:
        """Forget the lines of the row before."""
        self._row.clear()

    @property
    def first(self) -> int:
        """Number of the line in which the row begins."""
        return self.last - len(self._row) + 1

    def quote_line(self, delimiter: str) -> int:
        """The line in which the row's last cell in quotes begins, up to where it is no row any more."""
        text, place, opened = "".join(self._row), 0, 0
        plain = re.compile(f"[^{re.escape(delimiter)}\r\n]*")
        while place < len(text):
            quoted = _QUOTED.match(text, place)
            cell = quoted or plain.match(text, place)
            end = cell.end() if cell else place
            if quoted:
                opened = place
                if text[end : end + 1] not in (delimiter, "\r", "\n"):
                    break
            place = end + 1
        return self.first + bisect_right(list(accumulate(map(len, self._row))), opened)
