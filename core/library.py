"""multigraft from Python: load a recipe, train it, score a run, ask it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multigraft.core.check.recipe_check import check_deep, check_search, check_shape, check_shape_of
from multigraft.core.check.subject import Subject
from multigraft.core.evaluation.questions import Question
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import Registry, default_registry
from multigraft.core.run.distributed import join_processes
from multigraft.core.run.make_data import make_data
from multigraft.core.run.times import Times

if TYPE_CHECKING:
    from multigraft.core.evaluation.predictor import Reply


def train(
    recipe: Recipe | Path | str, folder: Path | str, resume: bool = False, registry: Registry | None = None
) -> dict[str, Any]:
    """Check a recipe, make its data where it says how, train and score; what `results.json` holds afterwards.

    Args:
        recipe: a file or the name of a shipped one (`quickstart`), which `environment.json` then names; or one that was
            loaded, which has no name.
        folder: of the run; a new one, or with `resume` that of a run which goes on.
        registry: what is installed if left out; `load_registry([Path("plugin.py")])` adds a plugin of one file.

    Raises:
        RecipeError: with every problem of the recipe.
        MultigraftError: the folder holds a run already, or the run cannot go on.
    """
    registry = registry or default_registry()
    if isinstance(recipe, Recipe):
        return train_checked(check_shape_of(recipe, registry), Path(folder), resume, "")
    return train_checked(check_shape(recipe, (), registry), Path(folder), resume, Path(recipe).stem)


def train_checked(subject: Subject, folder: Path, resume: bool, name: str) -> dict[str, Any]:
    """Train a recipe whose shape was checked; the first process makes its data and checks the rest.

    Args:
        name: what people call the recipe.

    Raises:
        RecipeError: with every problem that the checks find.
        MultigraftError: as `train`.
    """
    from multigraft.core.training.session import train as train_graft

    times = Times()
    with join_processes(subject.recipe.device).main_process_first():
        with times.spending("make"):
            make_data(subject.recipe, subject.registry)
        with times.spending("check"):
            check_deep(subject)
    return train_graft(subject.recipe, subject.registry, folder, resume, name, times)


def search(
    recipe: Recipe | Path | str, folder: Path | str, resume: bool = False, registry: Registry | None = None
) -> dict[str, Any]:
    """Find values of the keys that the recipe's `search` names; what `search.json` holds afterwards.

    The recipe with the values filled in is `found.yaml` in the folder.

    Args:
        recipe: a file, the name of a shipped one, or one that was loaded.
        folder: a new one, or with `resume` that of a search which goes on.

    Raises:
        RecipeError: with every problem of the recipe, or of a value.
        MultigraftError: the search cannot be made.
    """
    registry = registry or default_registry()
    if isinstance(recipe, Recipe):
        return search_checked(check_shape_of(recipe, registry), Path(folder), resume)
    return search_checked(check_shape(recipe, (), registry), Path(folder), resume)


def search_checked(subject: Subject, folder: Path, resume: bool) -> dict[str, Any]:
    """Make the data of a recipe whose shape was checked, check the rest, and search."""
    from multigraft.core.search.session import search as search_values

    times = Times()
    with times.spending("make"):
        make_data(subject.recipe, subject.registry)
    with times.spending("check"):
        check_search(check_deep(subject), to_begin=True)
    return search_values(subject.recipe, subject.registry, folder, resume, times)


def evaluate(
    folder: Path | str, split: str | None = None, controls: Sequence[str] = (), registry: Registry | None = None
) -> dict[str, Any]:
    """Score the newest graft of a run folder; what its `results.json` holds afterwards.

    Args:
        split: the recipe's final one if left out.
        controls: names such as `no-media`, scored as well.

    Raises:
        MultigraftError: no such control or split, or a run that cannot be read.
    """
    from multigraft.core.training.evaluate_saved import evaluate_saved

    return evaluate_saved(Path(folder), registry or default_registry(), split, controls)


def predict(
    folder: Path | str,
    task: str,
    text: str = "",
    media: Sequence[Path | str] = (),
    choices: Sequence[str] = (),
    registry: Registry | None = None,
) -> "Reply":
    """Answer one question with the graft of a run folder or an exported one.

    Args:
        text: question or statement, without the task's prefix.
        media: files of pictures, or one of a video.
        choices: possible answers.

    Returns:
        The answer as `output`, and as `cut` what of the question was too long to be seen.

    Raises:
        MultigraftError: no such task, a file that cannot be decoded, or a question that lacks what the task needs or
            has what it would ignore.
    """
    from multigraft.core.evaluation.predictor import Predictor

    question = Question(task, text, tuple(map(Path, media)), tuple(choices))
    with Predictor.load(folder, registry) as predictor:
        return predictor.answer([question])[0]


def merge(
    sources: Sequence[tuple[Path | str, str, float]],
    folder: Path | str,
    rest_from: tuple[Path | str, str] | None = None,
    registry: Registry | None = None,
) -> dict[str, Any]:
    """Write a graft whose adapters add the weighted sum of what those of some tasks add; what its `merge.json` holds.

    Args:
        sources: folder of a run or of an exported graft, task, and weight: any finite number; 0 adds nothing and lets
            the new graft do that task too.
        folder: a new one, which can be evaluated, asked and merged like an exported graft.
        rest_from: folder and task of the source whose prompts, heads and norms are taken where they differ.

    Raises:
        MultigraftError: an adapter that does anything else than to add a matrix to a projection's weight, sources over
            different trunks, or prompts, heads or norms that differ.
    """
    from multigraft.core.training.merge_saved import merge_saved
    from multigraft.core.training.merge_sources import MergeSource

    named = [MergeSource(Path(run), task, weight) for run, task, weight in sources]
    rest = None if rest_from is None else (Path(rest_from[0]), rest_from[1])
    return merge_saved(named, Path(folder), rest, registry or default_registry())
