"""The checks of objectives and batches: they have the rows that they need, and what is said has an effect."""

from collections.abc import Iterator
from contextlib import suppress

import torch

from multigraft.core.check.subject import Subject
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.objective import Objective
from multigraft.core.model.objectives import build_objectives
from multigraft.core.model.task_objective import shapes_of
from multigraft.core.options.options import ObjectiveOptions
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.train_section import Teacher
from multigraft.core.run.least_rows import rows_lacking
from multigraft.core.run.run_data import RunData


def least_rows(subject: Subject) -> Iterator[Problem]:
    """In a single process, no batch gives a task fewer rows than its objectives need, but for none."""
    built = _built(subject)
    if subject.data is None or built is None:
        return
    try:
        recipe, sampler = subject.data.with_steps(), subject.data.sampler()
    except MultigraftError:  # told by `deep.components`
        return
    for error in rows_lacking(recipe, sampler, built):
        yield subject.problem(error)


def epochs(subject: Subject) -> Iterator[Problem]:
    """Note how many steps epochs are, and how many samples of each task the training draws."""
    if subject.data is not None:
        with suppress(MultigraftError):  # told by `deep.components`
            steps = subject.data.with_steps().train.steps
            if subject.recipe.train.steps == 0:
                subject.notes.append(f"its epochs are {steps:,} steps")
            subject.notes.append(f"samples that {steps:,} steps draw: {_drawn(subject.data, steps)}")
    return iter(())


def _drawn(data: RunData, steps: int) -> str:
    drawn, sizes = data.sampler().consumed(steps), {n: s.size for n, s in data.training_sources().items()}
    return ", ".join(
        f"{count:,} of {task} ({count / sizes[task]:.3g} epochs of {sizes[task]:,})" for task, count in drawn.items()
    )


def unused_sharing(subject: Subject) -> Iterator[Problem]:
    """An objective that says who shares its modules has some."""
    built = _built(subject)
    if subject.trunk is None or built is None:
        return
    shapes = shapes_of(subject.trunk.backbone, subject.trunk.encoders)
    for task, own in built.items():
        for number, objective in enumerate(own):
            options = subject.recipe.tasks[task].objective[number]
            if _shares_as_usual(options):
                continue
            try:
                with torch.device("meta"):
                    modules = objective.modules(shapes)
            except MultigraftError:  # told by `deep.graft`
                continue
            if not modules:
                place = ("tasks", task, "objective", number, "sharing")
                message = f"`{options.kind}` has no modules that tasks could share"
                yield subject.document.problem(place, message, "leave it out")


def unused_teacher(subject: Subject) -> Iterator[Problem]:
    """Where something is said of a teacher, an objective learns from it."""
    built = _built(subject)
    if built is None or subject.recipe.train.teacher == Teacher():
        return
    needs = [need for own in built.values() for objective in own for need in objective.needs]
    if all(need.view.values != "teacher" for need in needs):
        message = "no objective of this recipe learns from a teacher"
        yield subject.document.problem(("train", "teacher"), message, "leave it out")


def _built(subject: Subject) -> dict[str, list[Objective]] | None:
    """The objectives of each task; None where `deep.tasks` has told why there are none."""
    if subject.trunk is None:
        return None
    given = subject.recipe, subject.registry, subject.trunk.backbone
    try:
        return {task: build_objectives(*given, task) for task in subject.recipe.tasks}
    except MultigraftError:
        return None


def _shares_as_usual(options: ObjectiveOptions) -> bool:
    """Whether the rule is the one that holds if nothing is said."""
    usual: str = type(options).model_fields["sharing"].default["kind"]
    return options.sharing.kind.rpartition("/")[2] == usual
