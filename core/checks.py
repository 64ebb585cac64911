"""What is looked at beyond a recipe's shape, by `multigraft check` and before a training begins."""

from collections.abc import Callable, Iterable
from pathlib import Path

from multigraft.core.component import import_name
from multigraft.core.config.loading import read_document, validate
from multigraft.core.config.problems import Problem, RecipeError
from multigraft.core.registry import Registry
from multigraft.core.subject import Subject

_SHAPE = "multigraft.core.shape_checks"
_SHAPE_CHECKS = (
    "requirements", "data_files", "weight_files", "references", "given_names", "adapter_names", "splits", "command",
    "loggers", "unused",
)  # fmt: skip
_DEEP = "multigraft.core.deep_checks"
_DEEP_CHECKS = ("trunk", "shards", "adapters", "components", "limits", "controls", "device", "graft", "prompt_room")
CHECKS = tuple(f"{_SHAPE}:{name}" for name in _SHAPE_CHECKS)
"""`module:function`: checks of a recipe's shape, which import nothing heavy."""
_ANNOTATIONS = "multigraft.core.annotation_checks"
_ANNOTATION_CHECKS = ("objectives", "choices", "media", "unused_inputs")
DEEP_CHECKS = (
    *(f"{_DEEP}:{name}" for name in _DEEP_CHECKS),
    *(f"{_ANNOTATIONS}:{name}" for name in _ANNOTATION_CHECKS),
)
"""Checks that build the trunk on the meta device and open shards; made where the shape is well, in this order."""

Check = Callable[[Subject], Iterable[Problem]]


def check_shape(path: Path | str, overrides: Iterable[str], registry: Registry) -> Subject:
    """The recipe, if its keys, names and files are well.

    Raises:
        RecipeError: with every problem of its shape, or, if that is well, every problem that the checks find.
    """
    document = read_document(path, tuple(overrides), registry)
    subject = Subject(validate(document, registry), document, registry)
    _make(CHECKS, subject)
    return subject


def check_deep(subject: Subject) -> Subject:
    """The same recipe, if its trunk, its graft and its shards are well too; fills `subject.plan`.

    Raises:
        RecipeError: with every problem that the checks find.
    """
    _make(DEEP_CHECKS, subject)
    return subject


def _make(names: Iterable[str], subject: Subject) -> None:
    checks: list[Check] = [import_name(name) for name in names]
    problems = [problem for check in checks for problem in check(subject)]
    if problems:
        raise RecipeError(problems)
