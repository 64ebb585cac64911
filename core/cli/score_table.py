"""Scores as a table for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def score_table(results: Mapping[str, Any]) -> Table:
    """A row for each task and metric; a column for each control."""
    controls: Mapping[str, Any] = results.get("controls", {})
    table = Table("task", "metric", "score", *controls, "n")
    for task, report in results.get("tasks", {}).items():
        for metric, value in report.items():
            if metric != "n" and isinstance(value, int | float):
                others = (controls[name].get(task, {}).get(metric) for name in controls)
                table.add_row(
                    task,
                    metric,
                    f"{value:.3f}",
                    *map(_shown, others),
                    str(report.get("counts", {}).get(metric, report["n"])),
                )
    return table


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
