"""Tables lose nothing, wherever they are printed."""

import io

from multigraft.core.cli.console import add_row, console, table


class Screen(io.StringIO):
    """A terminal of 30 columns."""

    def isatty(self):
        return True


def printed(file):
    made = table("part", "numbers", title="what there is")
    add_row(made, "prompt.image_order_norm.weight[0]", 245_760)
    console(file).print(made)
    return file.getvalue()


def test_a_pipe_is_as_wide_as_it_takes():
    assert "│ prompt.image_order_norm.weight[0] │ 245760  │" in printed(io.StringIO())


def test_a_terminal_folds_long_words(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    cells = [line.split("│") for line in printed(Screen()).splitlines() if line.startswith("│")]
    assert "".join(row[1].strip() for row in cells) == "prompt.image_order_norm.weight[0]"
    assert "".join(row[2].strip() for row in cells) == "245760"
