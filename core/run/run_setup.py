"""Opening a run: its trunk, its graft, its data and its loggers."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from multigraft.core.data.skipped import SkippedLog
from multigraft.core.model.build import allocate, build_model, count
from multigraft.core.model.trunk import Trunk, build_trunk
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import Registry
from multigraft.core.run.allocator import keep_freed_memory
from multigraft.core.run.distributed import gather_rows, join_processes
from multigraft.core.run.feature_storing import store_features
from multigraft.core.run.loggers import open_loggers
from multigraft.core.run.open_run import OpenRun
from multigraft.core.run.run_data import RunData
from multigraft.core.run.times import Times

if TYPE_CHECKING:
    from accelerate import Accelerator


@contextmanager
def open_run(
    recipe: Recipe,
    registry: Registry,
    folder: Path,
    logs: bool = False,
    times: Times | None = None,
    trunk: Trunk | None = None,
) -> Iterator[OpenRun]:
    """Build the trunk, the graft and the data of a recipe; with `logs`, its loggers too.

    Args:
        times: where the time goes, from before on; from now on if left out.
        trunk: one that was loaded; the recipe's if left out.
    """
    times = times or Times()
    keep_freed_memory()
    accelerator = join_processes(recipe.device)
    trunk = trunk or build_trunk(recipe, registry)
    model = build_model(recipe, registry, trunk)
    allocate(model, accelerator.device)
    data = RunData(
        recipe,
        registry,
        trunk.preparations,
        _skipped_log(folder, recipe, accelerator),
        {task: model.most_images(task) for task in recipe.tasks},
    )
    wanted = recipe.loggers if logs and accelerator.is_main_process else []
    scalars = open_loggers(wanted, registry, folder)
    run = OpenRun(folder, recipe, registry, trunk, model, data, accelerator, scalars, times=times)
    run.results.update(tasks={}, controls={}, parameters=count(model).to_json())
    try:
        if recipe.data.features and trunk.encoders:
            with times.spending("encode"):
                store_features(data, trunk.encoders, accelerator)
        yield run
    finally:
        data.close()
        run.scalars.close()


def _skipped_log(folder: Path, recipe: Recipe, accelerator: "Accelerator") -> SkippedLog:
    """The first of several processes writes what all have found."""
    if accelerator.num_processes == 1:
        return SkippedLog(folder / "skipped.jsonl", recipe.data.bad_limit)
    path = folder / "skipped.jsonl" if accelerator.is_main_process else None
    return SkippedLog(path, recipe.data.bad_limit, partial(gather_rows, accelerator))
