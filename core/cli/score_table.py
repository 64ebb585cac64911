"""Scores as a table for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from multigraft.core.cli.console import add_row, table
from multigraft.core.report.scores import ControlScore, control_names, score_rows


def score_table(results: Mapping[str, Any]) -> Table:
    """A row for each task and metric with the number of what it is over; a column for each control."""
    made = table("task", "metric", "score", "n", *control_names(results))
    for row in score_rows(results):
        if not row.group:
            n = "" if row.n is None else f"{row.n:,}"
            add_row(made, row.task, row.metric, f"{row.score:.3f}", n, *map(_shown, row.controls))
    return made


def _shown(control: ControlScore | None) -> str:
    """A control's score, and over how many where these are others than the row's."""
    if control is None:
        return ""
    return f"{control.score:.3f}" if control.n is None else f"{control.score:.3f} (n {control.n:,})"
