"""What `multigraft check` looks at beyond a recipe's shape. A check gives a problem for each thing that is wrong."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from multigraft.core.component import import_name
from multigraft.core.config.components import components_of
from multigraft.core.config.data_files import missing_files
from multigraft.core.config.document import Document
from multigraft.core.config.loading import read_document, validate
from multigraft.core.config.problems import Problem, RecipeError
from multigraft.core.config.recipe import Recipe
from multigraft.core.registry import Registry, missing_requirement

CHECKS = ("multigraft.core.checks:requirements", "multigraft.core.checks:data_files")
"""`module:function`: checks of a recipe's shape, which import nothing heavy."""
DEEP_CHECKS = ("multigraft.core.deep_checks:graft", "multigraft.core.deep_checks:shards")
"""Checks that build the graft on the meta device and open shards; made where the shape is well."""


@dataclass(frozen=True)
class Subject:
    """A recipe under examination."""

    recipe: Recipe
    document: Document
    """The recipe as written: `document.problem(location, message, hint)` points at a place in it."""
    registry: Registry


Check = Callable[[Subject], Iterable[Problem]]


def check_recipe(path: Path | str, overrides: Iterable[str], registry: Registry, deep: bool = True) -> Recipe:
    """The recipe, if nothing is wrong with it.

    Raises:
        RecipeError: with every problem of its shape, or, if that is well, every problem that the checks find.
    """
    document = read_document(path, tuple(overrides), registry)
    subject = Subject(validate(document, registry), document, registry)
    for stage in (CHECKS, DEEP_CHECKS if deep else ()):
        checks: list[Check] = [import_name(name) for name in stage]
        problems = [problem for check in checks for problem in check(subject)]
        if problems:
            raise RecipeError(problems)
    return subject.recipe


def requirements(subject: Subject) -> Iterator[Problem]:
    """What the recipe's components need is installed."""
    for used in components_of(subject.recipe):
        missing = missing_requirement(subject.registry.component(used.kind, used.options))
        if missing:
            yield subject.document.problem(used.location, missing)


def data_files(subject: Subject) -> Iterator[Problem]:
    """The shards of all tasks are there, or will be made by the recipe's own command."""
    return missing_files(subject.recipe, subject.document)
