"""Whether a form of answers keeps its contract: a text that can be written, and the same each time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.answer_format import AnswerFormat
from multigraft.core.options.base import Options
from multigraft.core.types.prediction import Prediction

_ROWS: tuple[list[Prediction], ...] = (
    [Prediction("set#1", "red", ()), Prediction("set#2", "naïve \U0001f600", ())],
    [Prediction("set#1", "true", ("true",), text="both are red"), Prediction("set#2", "false", (), text="one is red")],
    [Prediction("set#1", "no", (), choices=("yes", "no")), Prediction("set#2", "yes", (), choices=("yes", "no"))],
    [Prediction("set#dev-1-0-0", "true", ("true",)), Prediction("set#dev-1-0-1", "false", ())],
    [],
)
"""Answers or captions, statements, choices, statements with identifiers, and nothing at all."""


def wrong_answer_format(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    made = build(options)
    if not isinstance(made, AnswerFormat):
        yield f"`build` gives {type(made).__name__}, no AnswerFormat"
        return
    written = False
    for rows in _ROWS:
        try:
            made.check([replace(row, output="") for row in rows])
            first, again = made.text(rows), made.text(rows)
        except MultigraftError:  # it may refuse answers that it is not for
            continue
        if not isinstance(first, str):
            yield f"its text is {type(first).__name__}"
            return
        if first != again:
            yield "its text is another one when it is asked again"
        written = written or bool(rows)
    if not written:
        yield "it refuses answers, captions, statements and choices alike"
