"""Writes `report.html` into a run folder."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from multigraft.core.interfaces.metric import Prediction
from multigraft.core.report import chart
from multigraft.core.report.run_files import RunFiles, read_run
from multigraft.core.report.samples import draw_samples
from multigraft.core.report.scores import control_names, facts, flat, score_rows, shown
from multigraft.core.report.summary import bars, curves, skipped_by_reason, summary


def write_report(run_folder: Path) -> Path:
    """One page, `report.html`, that needs no other file: all that the run folder holds so far; returns its path.

    Raises:
        MultigraftError: it is no run folder, or one of its files is damaged.
    """
    run = read_run(run_folder)
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    pages.filters["shown"] = shown
    text = pages.get_template("page.html").render(_facts(run))
    target = run_folder / "report.html"
    target.write_text(text, encoding="utf-8")
    return target


def _facts(run: RunFiles) -> dict[str, Any]:
    """What the template names."""
    results = run.results or {}
    parameters = results.get("parameters", {})
    charts = [chart.draw(title, series) for title, series in curves(run.metrics).items()]
    return {
        "title": run.folder.resolve().name,
        "summary": summary(run),
        "charts": [drawn for drawn in charts if drawn],
        "chart": chart,
        "controls": control_names(results),
        "rows": list(score_rows(results)),
        "facts": facts(results),
        "parameters": parameters,
        "bars": {"owner": bars(parameters.get("by_owner", {})), "part": bars(parameters.get("by_part", {}))},
        "skipped": None if run.skipped is None else skipped_by_reason(run.skipped),
        "drawn": draw_samples(_in_order(run), _roots(run)),
        "recipe": run.recipe_text,
        "environment": None if run.environment is None else flat(run.environment),
    }


def _in_order(run: RunFiles) -> dict[str, list[Prediction]]:
    """Predictions in the order of the recipe's tasks."""
    order = [*(run.recipe.get("tasks") or {}), *run.predictions]
    return {task: run.predictions[task] for task in dict.fromkeys(order) if task in run.predictions}


def _roots(run: RunFiles) -> list[Path]:
    """Folders that the names of shards may start at."""
    root = Path((run.recipe.get("data") or {}).get("root") or ".").expanduser()
    return [Path(), root, run.folder, run.folder / root]
