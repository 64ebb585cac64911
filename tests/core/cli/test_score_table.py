import io
import re

from multigraft.core.cli.console import console
from multigraft.core.cli.score_table import score_table

RESULTS = {
    "tasks": {
        "vqa": {"exact-match": 0.5, "consistency": 0.25, "n": 10, "counts": {"consistency": 4}},
        "captions": {"cider [c40]": 1.0, "n": 1234},
    },
    "controls": {
        "untrained": {"vqa": {"exact-match": 0.1, "consistency": 0.0, "n": 10, "counts": {"consistency": 4}}},
        "shuffled-media": {"vqa": {"exact-match": 0.2, "consistency": 0.1, "n": 8, "counts": {"consistency": 3}}},
    },
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def cells(text):
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if "│" in line]


def test_each_row_and_each_control_has_its_own_number():
    stream = io.StringIO()
    console(stream).print(score_table(RESULTS))
    assert cells(stream.getvalue()) == [
        ["vqa", "exact-match", "0.500", "10", "0.100", "0.200 (n 8)"],
        ["vqa", "consistency", "0.250", "4", "0.000", "0.100 (n 3)"],
        ["captions", "cider [c40]", "1.000", "1,234", "", ""],
    ]


def test_a_narrow_terminal_folds_words_and_cuts_nothing(monkeypatch):
    monkeypatch.setenv("COLUMNS", "66")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    console(stream).print(score_table(RESULTS))
    rows = [re.split("[│┃]", line)[1:-1] for line in stream.getvalue().splitlines() if "│" in line or "┃" in line]
    columns = [
        "".join(re.sub(r"\x1b\[[0-9;]*m", "", cell).strip() for cell in column) for column in zip(*rows, strict=True)
    ]
    for word in ("exact-match", "consistency", "shuffled-media", "0.100", "1,234"):
        assert any(word in column for column in columns), columns
    assert "…" not in stream.getvalue()
