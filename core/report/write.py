"""Writes `report.html` into a run folder."""

from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from multigraft.core.atomic import write_text
from multigraft.core.recipe.plugin_use import absent_plugins, made_with_of
from multigraft.core.registry.registry import Registry, default_registry
from multigraft.core.report import chart
from multigraft.core.report.curves import curves, draw_all, singles
from multigraft.core.report.marks import NEUTRAL, marks_of
from multigraft.core.report.media_decoder import decoder_of
from multigraft.core.report.pictures import thumbnails
from multigraft.core.report.run_files import RunFiles, read_run
from multigraft.core.report.run_summary import bars, cut_texts, is_finished, skipped_by_reason, steps_made, summary
from multigraft.core.report.samples import draw_samples
from multigraft.core.report.scores import control_names, facts, flat, left_out, main_metrics, score_rows, shown
from multigraft.core.types.prediction import Prediction


def write_report(run_folder: Path, registry: Registry | None = None) -> Path:
    """One page, `report.html`, that needs no other file: all that the run folder holds so far; returns its path.

    Media are decoded by the inputs of the run's recipe, which `registry` knows; what is installed if left out.

    Raises:
        MultigraftError: it is no run folder, one of its files is damaged, or the page cannot be written; the page
            that was there before stays.
    """
    run = read_run(run_folder)
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    pages.filters["shown"] = shown
    text = pages.get_template("page.html").render({**_facts(run), **_predictions(run, registry or default_registry())})
    target = run_folder / "report.html"
    write_text(target, text)
    return target


def _facts(run: RunFiles) -> dict[str, Any]:
    """What the template names."""
    results = run.results or {}
    parameters = results.get("parameters", {})
    measures, marks = curves(run.metrics, main_metrics(results)), marks_of(_tasks(run))
    return {
        "title": run.folder.resolve().name,
        "summary": summary(run),
        "finished": is_finished(run),
        "step": steps_made(run),
        "marks": marks,
        "neutral": NEUTRAL,
        "charts": draw_all(measures, marks),
        "singles": list(singles(measures)),
        "chart": chart,
        "controls": control_names(results),
        "rows": list(score_rows(results)),
        "split": results.get("split"),
        "facts": facts(results),
        "left_out": left_out(results),
        "parameters": parameters,
        "bars": {"owner": bars(parameters.get("by_owner", {})), "part": bars(parameters.get("by_part", {}))},
        "data": results.get("data", {}),
        "cut": cut_texts(results),
        "skipped": skipped_by_reason(run.skipped or ()),
        "recipe": run.recipe_text,
        "environment": None if run.environment is None else flat(run.environment),
    }


def _predictions(run: RunFiles, registry: Registry) -> dict[str, Any]:
    from multigraft.core.run.recipe_sources import ShardOpener

    decoder, problems = decoder_of(run.recipe, registry)
    absent = absent_plugins("This run", made_with_of(run.folder), registry)
    show = partial(thumbnails, roots=_roots(run), decoder=decoder, opened=ShardOpener(registry).shard)
    try:
        return {"drawn": draw_samples(_in_order(run), show), "input_problems": [*absent, *problems]}
    finally:
        decoder.close()


def _tasks(run: RunFiles) -> list[str]:
    """All tasks that the run's files name, the recipe's first and in its order."""
    logged = [name.split("/")[1] for row in run.metrics for name in row if name.count("/") >= 2]
    scored = (run.results or {}).get("tasks", {})
    return list(dict.fromkeys([*(run.recipe.get("tasks") or {}), *scored, *logged, *run.predictions]))


def _in_order(run: RunFiles) -> dict[str, list[Prediction]]:
    """Predictions in the order of the recipe's tasks."""
    return {task: run.predictions[task] for task in _tasks(run) if task in run.predictions}


def _roots(run: RunFiles) -> list[Path]:
    """Folders that the names of shards may start at."""
    root = Path((run.recipe.get("data") or {}).get("root") or ".").expanduser()
    return [Path(), root, run.folder, run.folder / root]
