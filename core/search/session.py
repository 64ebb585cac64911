"""A whole search: train some values, score some, learn which are best, and fill them in."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from multigraft.core.atomic import write_text
from multigraft.core.data.stream import Drawn
from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.search_arms import ArmRecipes, arms_to_try, search_section
from multigraft.core.recipe.search_budget import budget_of
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.registry.registry import Registry
from multigraft.core.run.distributed import join_processes, only_run
from multigraft.core.run.run_setup import open_run
from multigraft.core.run.run_start import keep_start
from multigraft.core.run.times import Times
from multigraft.core.search.arm_runs import ArmRuns
from multigraft.core.search.draws import DrawsFile
from multigraft.core.search.found import REPORT, write_found
from multigraft.core.search.saved import load_search, save_search
from multigraft.core.search.searcher import Searcher
from multigraft.core.training.interrupt import StopRequest
from multigraft.core.training.progress import Progress


def search(
    recipe: Recipe, registry: Registry, folder: Path, resume: bool = False, times: Times | None = None
) -> dict[str, Any]:
    """Search into a folder, or go on with the very next step of one; returns what `search.json` holds.

    The recipe was checked. A finished search is left as it is.

    Raises:
        MultigraftError: the search cannot be made, or the folder holds something already.
    """
    section = search_section(recipe)
    if join_processes(recipe.device).num_processes > 1:
        raise MultigraftError("a search runs in one process; start it without a launcher")
    first = ArmRecipes(recipe, registry).of(next(arms_to_try(section)))
    with only_run(folder, new=not resume), open_run(first, registry, folder, times=times) as run:
        budget = budget_of(recipe, run.data.with_steps().train.steps)
        searcher = Searcher(run, recipe, budget, ArmRuns(run, recipe, budget.steps))
        made = load_search(searcher) if resume else 0
        if made == budget.steps and (folder / REPORT).is_file():
            return dict(json.loads((folder / REPORT).read_text()))
        write_text(folder / "recipe.yaml", dump_recipe(recipe))
        keep_start(run)
        with closing(DrawsFile(folder, made)) as draws:
            _search(searcher, made, draws)
        run.data.log.finish()
        searcher.arms.of(searcher.strategy.best())
        return write_found(run, recipe, searcher.strategy, budget)


def _search(searcher: Searcher, made: int, draws: DrawsFile) -> None:
    """Make the steps that are left."""
    run, last = searcher.run, searcher.budget.steps
    every = searcher.section.checkpoint_every or max(1, last // 10)
    rate = searcher.recipe.train.optimizer.rate
    stop = StopRequest(gentle=True)
    with Progress(last, list(searcher.recipe.tasks), made, times=run.times) as progress, stop:
        for drawn in _waited_for(searcher, made):
            done = searcher.step(drawn)
            draws.add(done)
            progress.step(done.step, dict(done.losses), rate, drawn.total)
            if done.step % every == 0 or done.step == last or stop.asked:
                with run.times.spending("save"):
                    save_search(searcher, done.step)
            if stop.asked:
                raise KeyboardInterrupt


def _waited_for(searcher: Searcher, made: int) -> Iterator[Drawn]:
    """The samples of the steps that are left; what passes until they are there is waiting."""
    with closing(searcher.training.drawn(made, searcher.budget.steps)) as batches:
        while True:
            with searcher.run.times.spending("wait"):
                drawn = next(batches, None)
            if drawn is None:
                return
            searcher.training.take(drawn)
            yield drawn
