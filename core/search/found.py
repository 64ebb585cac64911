"""What a search leaves: `search.json`, `found.yaml`, and the preferences over time as `preferences.svg`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from multigraft.core.atomic import write_json, write_text
from multigraft.core.interfaces.search_strategy import Arms, SearchStrategy
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.search_arms import ArmRecipes, scored_tasks, search_section
from multigraft.core.recipe.search_budget import Budget
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.run.open_run import OpenRun
from multigraft.core.search.draws import read_draws
from multigraft.core.search.preference_plot import preferences_svg
from multigraft.core.search.search_data import CUTS

FOUND, REPORT = "found.yaml", "search.json"


def write_found(run: OpenRun, recipe: Recipe, strategy: SearchStrategy, budget: Budget) -> dict[str, Any]:
    """Write all of it; returns what `search.json` holds."""
    search, best = search_section(recipe), strategy.best()
    rows = read_draws(run.folder)
    seconds = run.times.of_all_sessions()
    report = {
        "strategy": search.strategy.model_dump(mode="json"),
        "split": search.split,
        "steps": budget.steps,
        "share": budget.share,
        "share_by_clock": budget.share_by_clock(
            seconds.get("train/step", 0.0), seconds.get(f"score/{search.split}", 0.0)
        ),
        "trains": search.trains,
        "reward": search.reward,
        "choices": _choices(recipe, strategy, rows),
        "skipped": run.data.log.facts(),
        "seconds": seconds,
        **{key: run.results[key] for key in CUTS if run.results.get(key)},
    }
    chosen = [_line(name, own) for name, own in report["choices"].items()]
    text = dump_recipe(ArmRecipes(recipe, run.registry).of(best))
    write_text(run.folder / FOUND, "# Found by `multigraft search`:\n" + "\n".join(chosen) + "\n" + text)
    write_json(run.folder / REPORT, report)
    write_text(run.folder / "preferences.svg", preferences_svg(rows, report["choices"]))
    return report


def _line(name: str, choice: Mapping[str, Any]) -> str:
    """What was chosen, as a comment of the recipe found."""
    level = f", not separated from {json.dumps(choice['as_good'])}" if choice["as_good"] else ""
    return f"# {name}: {', '.join(choice['keys'])} = {json.dumps(choice['chosen'])}{level}"


def _choices(recipe: Recipe, strategy: SearchStrategy, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    best: Arms = strategy.best()
    found = {}
    for number, (name, choice) in enumerate(search_section(recipe).choices.items()):
        arms = range(len(choice.values))
        found[name] = {
            "keys": choice.keys,
            "tasks": scored_tasks(recipe, choice),
            "values": choice.values,
            "chosen": choice.values[best[number]],
            "as_good": _as_good(choice.values, strategy.preferences()[number], best[number]),
            "preferences": list(strategy.preferences()[number]),
            "trained": [sum(row["trained"][number] == arm for row in rows) for arm in arms],
            "scored": [len(_rewards(rows, number, arm)) for arm in arms],
            "mean_reward": [_mean(_rewards(rows, number, arm)) for arm in arms],
        }
    return found


def _as_good(values: Sequence[Any], preferences: Sequence[float | None], best: int) -> list[Any]:
    """Other values that the strategy prefers no less than the one it takes."""
    level = [number for number, preference in enumerate(preferences) if preference == preferences[best]]
    return [values[number] for number in level if number != best]


def _rewards(rows: Sequence[dict[str, Any]], choice: int, arm: int) -> list[float]:
    return [
        draw["rewards"][choice]
        for row in rows
        for draw in row["scored"]
        if draw["arms"][choice] == arm and draw["rewards"][choice] is not None
    ]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
