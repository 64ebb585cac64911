"""The checks of a recipe's search that build things: the graft of every value, the split's shards, what it may cost."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from multigraft.core.check.recipe_check import problems_found
from multigraft.core.check.search_problems import DrawProblems, at_value
from multigraft.core.check.search_twins import same_grafts
from multigraft.core.check.subject import Subject
from multigraft.core.data.source import TaskSource
from multigraft.core.errors import MultigraftError, OptionError, below
from multigraft.core.graft.starting import would_start
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.model.build import build_model
from multigraft.core.model.model import Model
from multigraft.core.model.side_by_side import apart, fewest_images
from multigraft.core.recipe.loading import validate
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.recipe.search_arms import ArmRecipes, all_scored, arms_to_try, for_training, search_section
from multigraft.core.recipe.search_budget import budget_of
from multigraft.core.recipe.search_section import SearchSection
from multigraft.core.run.run_data import RunData
from multigraft.core.run.run_folder import start_graft

_CHECK = "multigraft.core.check."
_OF_ALL = (
    "shape:requirements", "shape:weight_files", "shape:references", "shape:given_names", "shape:adapter_names",
    "deep:adapters", "deep:tasks", "deep:graft", "room:prompt_room", "deep:start",
)  # fmt: skip
_OF_OBJECTIVES = (
    "objectives:least_rows", "objectives:unused_sharing", "objectives:unused_teacher", "annotations:objectives",
    "annotations:evaluators",
)  # fmt: skip
Planned = dict[Arms, tuple[Subject, Model]]
"""Draws whose recipes are well, with what is trained in a search."""


def _of_an_arm(search: SearchSection) -> list[str]:
    """The checks of what its choices set: a recipe that is found must be refused by none."""
    chosen = {part for choice in search.choices.values() for key in choice.keys for part in key.split(".")}
    of_objectives = _OF_OBJECTIVES if "objective" in chosen else ()
    of_prompts = ("annotations:media",) if "prompt" in chosen else ()
    return [_CHECK + name for name in (*_OF_ALL, *of_objectives, *of_prompts)]


def arms(subject: Subject) -> Iterator[Problem]:
    """Every value makes a model, all of them over one trunk, and none is without effect."""
    search = subject.recipe.search
    if search is None or subject.trunk is None or subject.summary is None:
        return
    recipes = ArmRecipes(subject.recipe, subject.registry, subject.document.path.parent)
    checks = _of_an_arm(search)
    known = {(each.path, each.message) for each in problems_found(checks, _over(subject, recipes.base))}
    planned: Planned = {}
    told = DrawProblems(subject)
    for drawn in arms_to_try(search):
        own = _over(subject, recipes.written(drawn))
        problems = [each for each in problems_found(checks, own) if (each.path, each.message) not in known]
        for each in problems:
            told.add(drawn, each)
        if problems:
            continue
        try:
            planned[drawn] = own, build_model(for_training(subject.recipe, own.recipe, 1), own.registry, subject.trunk)
        except OptionError as error:
            told.add(drawn, own.problem(error))
    yield from told.found
    yield from _apart(subject, planned)
    yield from _unlike_start(subject, planned)
    yield from same_grafts(subject, ((drawn, own.recipe, model) for drawn, (own, model) in planned.items()))
    subject.notes += _fewer_images(subject, [model for _, model in planned.values()])


def _over(subject: Subject, document: RecipeFile) -> Subject:
    """The recipe of a draw under examination, over the trunk and the data that are there."""
    recipe = validate(document, subject.registry)
    return replace(subject, recipe=recipe, document=document, notes=[], says={}, outputs={}, summary=None)


def _apart(subject: Subject, planned: Planned) -> Iterator[Problem]:
    """Draws that cannot be trained beside the first one."""
    models = {drawn: model for drawn, (_, model) in planned.items()}
    for drawn, model in models.items():
        if told := apart(model, next(iter(models.values()))):
            yield at_value(subject, drawn, subject.document.problem((), told))
            return


def _unlike_start(subject: Subject, planned: Planned) -> Iterator[Problem]:
    """A start that fits the recipe's graft, and nothing of the backbone that is trained in its place."""
    said = subject.recipe.graft.start
    if said is None or search_section(subject.recipe).trains != "backbone":
        return
    for _, model in list(planned.values())[:1]:
        trained = {key.text: entry.part.shape for key, entry in model.graft.bank.entries.items() if entry.part.trained}
        try:
            would_start(start_graft(said, subject.document.path.parent), trained)
        except MultigraftError as error:
            hint = "search from the trunk as it is, with `--set graft.start=null`"
            yield subject.document.problem(("search", "trains"), str(error), hint)


def _fewer_images(subject: Subject, models: Sequence[Model]) -> Iterator[str]:
    """Notes on samples that are skipped, as some prompts have no room for them and all arms see the same."""
    for task, fewest in fewest_images(models).items() if models else ():
        for modality, most in fewest.items():
            if any(model.most_images(task).get(modality) != most for model in models):
                skipped = f"samples of task {task!r} with more than {most} {modality} media but videos"
                yield f"the search skips {skipped}, which some of its prompts have no room for"


def reward(subject: Subject) -> Iterator[Problem]:
    """With `reward: metric` each task that is scored is answered."""
    search = subject.recipe.search
    if search is None or search.reward != "metric":
        return
    for task in all_scored(subject.recipe):
        if subject.says.get(task) == "nothing":
            message = "it gives no score, which `search.reward: metric` asks for"
            yield subject.document.problem(("tasks", task, "evaluator"), message, "say `search.reward: loss`")


def split_apart(subject: Subject) -> Iterator[Problem]:
    """A search must not see what its recipe is measured by later, nor be scored on what it trains on."""
    search, data = subject.recipe.search, subject.data
    if search is None or data is None:
        return
    for task in all_scored(subject.recipe):
        held = set(data.source(task, search.split).contents)
        for place, other in _other_splits(data, search.split):
            if shared := held & set(other.contents):
                message = f"{len(shared)} of its shards are in {place} too"
                where = ("tasks", task, "data", search.split)
                yield subject.document.problem(where, message, "a search is scored on a split of its own")


def _other_splits(data: RunData, own: str) -> Iterator[tuple[str, TaskSource]]:
    for name, options in data.recipe.tasks.items():
        for split in options.data:
            if split != own:
                yield f"the split {split!r} of '{name}'", data.source(name, split)


def cost(subject: Subject) -> Iterator[Problem]:
    """One step of the search at least fits into its share, and the strategy can be built for so many."""
    if subject.recipe.search is None or subject.data is None:
        return
    try:
        budget = budget_of(subject.recipe, subject.data.with_steps().train.steps)
        _build_strategy(subject, budget.steps)
    except OptionError as error:
        yield subject.problem(error)


def _build_strategy(subject: Subject, steps: int) -> None:
    search, seed = search_section(subject.recipe), subject.recipe.train.seed
    sizes = tuple(len(choice.values) for choice in search.choices.values())
    with below("search", "strategy"):
        subject.registry.build("search_strategies", search.strategy, sizes=sizes, steps=steps, seed=seed)
