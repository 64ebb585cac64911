"""What a training says while another command runs it: one line in place on a terminal, and nothing elsewhere."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

_CLEAR = "\r\x1b[K"


class LastLine(io.TextIOBase):
    """Takes text, and shows its last line behind a label if `shown` is a terminal."""

    def __init__(self, shown: TextIO, label: str) -> None:
        self._shown, self._label, self._rest = shown, label, ""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Take some text."""
        *lines, self._rest = (self._rest + text).splitlines() or [""]
        if text.endswith("\n"):
            lines, self._rest = [*lines, self._rest], ""
        if lines and lines[-1].strip() and self._shown.isatty():
            width = shutil.get_terminal_size().columns - 1
            self._shown.write(_CLEAR + f"{self._label}: {lines[-1].strip()}"[:width])
            self._shown.flush()
        return len(text)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown.isatty():
            self._shown.write(_CLEAR)
            self._shown.flush()


@contextmanager
def quietly(shown: TextIO, label: str) -> Iterator[None]:
    """What is printed inside is one line that comes and goes."""
    line = LastLine(shown, label)
    try:
        with redirect_stderr(line), redirect_stdout(line):
            yield
    finally:
        line.clear()
