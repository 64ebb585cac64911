"""What is seen of a training within another command."""

import io
import sys

from multigraft.plugins.quickstart.bench.last_line import quietly


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_last_line_is_shown_on_a_terminal():
    shown = Terminal()
    with quietly(shown, "row 1"):
        print("one\ntwo", end="", file=sys.stderr)
        print(" and a half\nthree\n", file=sys.stderr)
    assert shown.getvalue().split("\r\x1b[K") == ["", "row 1: one", "row 1: three", ""]


def test_nothing_is_shown_elsewhere():
    shown = io.StringIO()
    with quietly(shown, "row 1"):
        print("one", file=sys.stderr)
        print("two")
    assert shown.getvalue() == ""
