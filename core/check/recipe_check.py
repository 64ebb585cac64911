"""What is looked at beyond a recipe's shape, by `multigraft check` and before a training begins."""

from collections.abc import Callable, Iterable
from pathlib import Path

from multigraft.core.check.subject import Subject
from multigraft.core.recipe.loading import read_recipe_file, validate
from multigraft.core.recipe.problems import Problem, RecipeError
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.registry.component import import_name
from multigraft.core.registry.registry import Registry

_SHAPE = "multigraft.core.check.shape"
_SHAPE_CHECKS = (
    "requirements", "data_files", "weight_files", "saved_start", "references", "given_names", "adapter_names", "splits",
    "stored_features", "command", "loggers", "unused",
)  # fmt: skip
_SEARCH = "multigraft.core.check.search_"
_SEARCH_CHECKS = ("keys:keys", "keys:split", "keys:values")
_DEEP_SEARCH_CHECKS = ("arms:arms", "arms:reward", "arms:split_apart")
_COST = f"{_SEARCH}arms:cost"
_DEEP_CHECKS = (
    "deep:trunk", "deep:shards", "deep:adapters", "deep:tasks", "deep:components", "room:limits", "deep:controls",
    "deep:device", "deep:graft", "room:prompt_room", "deep:start",
)  # fmt: skip
CHECKS = (
    *(f"{_SHAPE}:{name}" for name in _SHAPE_CHECKS),
    *(f"{_SEARCH}{name}" for name in _SEARCH_CHECKS),
)
"""`module:function`: checks of a recipe's shape, which import nothing heavy."""
_ANNOTATIONS = "multigraft.core.check.annotations"
_ANNOTATION_CHECKS = ("examples", "objectives", "evaluators", "media", "media_apart", "unused_inputs")
_OBJECTIVES = "multigraft.core.check.objectives"
_OBJECTIVE_CHECKS = ("epochs", "least_rows", "unused_sharing", "unused_teacher")
DEEP_CHECKS = (
    *(f"multigraft.core.check.{name}" for name in _DEEP_CHECKS),
    "multigraft.core.check.modalities:inputs",
    *(f"{_OBJECTIVES}:{name}" for name in _OBJECTIVE_CHECKS),
    "multigraft.core.check.modalities:unused_prompt_options",
    *(f"{_ANNOTATIONS}:{name}" for name in _ANNOTATION_CHECKS),
)
"""Checks that build the trunk on the meta device and open shards; made where the shape is well, in this order."""
SEARCH_CHECKS = tuple(f"{_SEARCH}{name}" for name in _DEEP_SEARCH_CHECKS)
"""Checks that build what a search chooses among; made where all else is well, as training has no need of them."""

Check = Callable[[Subject], Iterable[Problem]]


def check_shape(path: Path | str, overrides: Iterable[str], registry: Registry) -> Subject:
    """The recipe, if its keys, names and files are well.

    Raises:
        RecipeError: with every problem of its shape, or, if that is well, every problem that the checks find.
    """
    document = read_recipe_file(path, tuple(overrides), registry)
    return _checked(Subject(validate(document, registry), document, registry))


def check_shape_of(recipe: Recipe, registry: Registry) -> Subject:
    """As `check_shape`, of a recipe that was loaded before.

    Raises:
        RecipeError: with every problem that the checks find.
    """
    return _checked(Subject(recipe, RecipeFile(Path("recipe"), text=dump_recipe(recipe)), registry))


def _checked(subject: Subject) -> Subject:
    _make(CHECKS, subject)
    return subject


def check_deep(subject: Subject) -> Subject:
    """The same recipe, if its trunk, its graft and its shards are well too; fills `subject.summary`.

    Raises:
        RecipeError: with every problem that the checks find.
    """
    _make(DEEP_CHECKS, subject)
    return subject


def check_search(subject: Subject, to_begin: bool = False) -> Subject:
    """The same recipe, which `check_deep` found well, if what its `search` says is well too.

    Args:
        to_begin: whether it is to be searched now; if not, a training that is too short for a search is only noted.

    Raises:
        RecipeError: with every problem that the checks find.
    """
    problems, too_dear = problems_found(SEARCH_CHECKS, subject), problems_found((_COST,), subject)
    if to_begin:
        problems += too_dear
    else:
        told = ("; ".join(filter(None, (each.message, each.hint))) for each in too_dear)
        subject.notes += [f"`multigraft search` would refuse this recipe: {text}" for text in told]
    if problems:
        raise RecipeError(problems)
    return subject


def problems_found(names: Iterable[str], subject: Subject) -> list[Problem]:
    """What checks find, given as `module:function`."""
    checks: list[Check] = [import_name(name) for name in names]
    return [problem for check in checks for problem in check(subject)]


def _make(names: Iterable[str], subject: Subject) -> None:
    if problems := problems_found(names, subject):
        raise RecipeError(problems)
