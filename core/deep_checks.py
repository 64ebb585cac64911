"""The checks of a recipe that build things: its graft on the meta device, and its shards."""

from collections.abc import Iterator

from multigraft.core.checks import Subject
from multigraft.core.config.problems import Problem
from multigraft.core.data.run_data import RunData
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.errors import MultigraftError
from multigraft.core.planning import plan


def graft(subject: Subject) -> Iterator[Problem]:
    """Every adapter finds its sites, and every sharing rule fits."""
    try:
        plan(subject.recipe, subject.registry)
    except (MultigraftError, ValueError) as error:
        yield subject.document.problem(("graft",), str(error))


def shards(subject: Subject) -> Iterator[Problem]:
    """The shards of every split hold annotations of their task; nothing to see where a command will make them."""
    log = SkippedLog(None, 1.0)
    recipe = subject.recipe
    if recipe.data.make and not (RunData(recipe, subject.registry, None, log).root / "manifest.json").exists():
        return
    data = RunData(recipe, subject.registry, None, log)
    for name, task in recipe.tasks.items():
        for split in task.data:
            try:
                data.source(name, split)
            except MultigraftError as error:
                yield subject.document.problem(("tasks", name, "data", split), str(error))
