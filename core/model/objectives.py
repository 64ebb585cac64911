"""The objectives of a recipe's tasks, with their modules, their state and the teacher that they learn from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from multigraft.core.data.seeding import seeded
from multigraft.core.errors import MultigraftError, OptionError, below
from multigraft.core.graft.attach import ModuleParts, add_module
from multigraft.core.interfaces.objective import Shapes
from multigraft.core.model.methods import sharing_rule
from multigraft.core.model.task_objective import TaskObjective, shapes_of
from multigraft.core.types.need import View

if TYPE_CHECKING:
    from multigraft.core.graft.attachment import Graft, GraftModule
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.objective import Head, Objective
    from multigraft.core.model.model import Model
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.options.base import Options
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.registry.registry import Registry

_SEED_BITS = 63


def build_objectives(recipe: "Recipe", registry: "Registry", backbone: "Backbone", task: str) -> list["Objective"]:
    """The objectives of a task.

    Raises:
        OptionError: one cannot be built, or cannot work over the backbone.
    """
    found = []
    for number, options in enumerate(recipe.tasks[task].objective):
        with below("tasks", task, "objective", number):
            objective: Objective = registry.build("objectives", options)
            if refusal := objective.refuse_backbone(backbone):
                raise OptionError((), refusal)
            if recipe.train.shard and (further := _beyond_sharding(objective)):
                raise OptionError((), f"with `train.shard` no objective can read {further}", "leave out `train.shard`")
        found.append(objective)
    return found


def _beyond_sharding(objective: "Objective") -> str:
    """What a process without rows could not take part in, layer by layer."""
    views = [need.view for need in objective.needs if need.view != View()]
    if views:
        return str(views[0])
    if any(need.what == "pairs" for need in objective.needs):
        return "other pairs of texts and media"
    shared = objective.feature_shapes(Shapes(1, _AnyModality()))
    return "features of other processes" if shared else ""


class _AnyModality(dict[str, int]):
    """A width for whatever is asked."""

    def __missing__(self, modality: str) -> int:
        return 1


def add_objectives(
    graft: "Graft", recipe: "Recipe", registry: "Registry", trunk: "Trunk"
) -> dict[str, tuple[TaskObjective, ...]]:
    """Build the objectives of the graft's tasks; their modules become parts of the graft."""
    shapes = shapes_of(trunk.backbone, trunk.encoders)
    return {task: tuple(_of_task(graft, recipe, registry, trunk, shapes, task)) for task in graft.tasks}


def _of_task(
    graft: "Graft", recipe: "Recipe", registry: "Registry", trunk: "Trunk", shapes: "Shapes", task: str
) -> list[TaskObjective]:
    found, names = [], Counter[str]()
    modules: dict[str, GraftModule[nn.Module]] = {}
    owners: dict[str, Options] = {}
    built = build_objectives(recipe, registry, trunk.backbone, task)
    for number, (options, objective) in enumerate(zip(recipe.tasks[task].objective, built, strict=True)):
        kind = options.kind.rpartition("/")[2]
        names[kind] += 1
        with below("tasks", task, "objective", number):
            with torch.device("meta"):
                heads = objective.modules(shapes)
            for name, head in heads.items():
                rule = sharing_rule(registry, options.sharing, recipe)
                if name in modules and owners[name] != options.sharing:
                    told = f"its module {name!r} is that of another objective, which says another `sharing`"
                    raise OptionError(("sharing",), told, "say the same for both")
                owners[name] = options.sharing
                modules[name] = _joined(name, modules.get(name), head) or add_module(
                    graft, f"head-{task}-{name}", head, ModuleParts(head.initial, home=f"head-{name}"), rule, [task]
                )
        own = {name: modules[name] for name in heads}
        found.append(
            TaskObjective(f"{kind}-{names[kind]}" if names[kind] > 1 else kind, objective, options.weight, own)
        )
    return [_with_borrowed(each, modules, ("tasks", task, "objective", at)) for at, each in enumerate(found)]


def _with_borrowed(
    own: TaskObjective, modules: "Mapping[str, GraftModule[nn.Module]]", place: tuple[str | int, ...]
) -> TaskObjective:
    """An objective with the modules that it reads of others of its task.

    Raises:
        OptionError: none of them has one.
    """
    if lacking := next((name for name in own.objective.borrows if name not in modules), None):
        message = f"it reads the module {lacking!r} of another objective of its task, and none has it"
        raise OptionError(place, message)
    return replace(own, modules={**own.modules, **{name: modules[name] for name in own.objective.borrows}})


def _joined(name: str, known: "GraftModule[nn.Module] | None", head: "Head") -> "GraftModule[nn.Module] | None":
    """The module of this name that another objective of the task has declared.

    Raises:
        MultigraftError: it is another one.
    """
    if known is None:
        return None
    shapes = [{name: value.shape for name, value in each.named_parameters()} for each in (known.module, head)]
    if type(known.module) is not type(head) or shapes[0] != shapes[1]:
        raise MultigraftError(f"two objectives of a task declare different modules of the name {name!r}")
    return known


def allocate_objectives(model: "Model", device: torch.device) -> None:
    """Give the objectives' states their start values, and the graft a teacher where one of them reads its states."""
    for task, objectives in model.objectives.items():
        for own in objectives:
            number = seeded("state", model.graft.bank.seed, task, own.name) % (1 << _SEED_BITS)
            state = own.objective.state(model.shapes, torch.Generator().manual_seed(number))
            own.state.update({name: value.to(device) for name, value in state.items()})
    if reads_teacher(model):
        model.graft.bank.add_teacher()


def reads_teacher(model: "Model") -> bool:
    """Whether an objective reads the teacher's states."""
    return any(need.view.values == "teacher" for task in model.objectives for need in model.needs_of(task))


def advance(model: "Model", appended: Mapping[tuple[str, str], Mapping[str, Tensor]]) -> None:
    """Move the states of the objectives that have appended something."""
    for (task, name), own in appended.items():
        found = next(each for each in model.objectives[task] if each.name == name)
        moved = found.objective.advance(dict(found.state), own)
        found.state.clear()
        found.state.update({key: value.detach() for key, value in moved.items()})


def learning_state(model: "Model") -> dict[str, Tensor]:
    """The objectives' states, `state/TASK/OBJECTIVE/NAME`, and the teacher, `teacher/KEY`."""
    states = {
        f"state/{task}/{own.name}/{name}": value
        for task, objectives in model.objectives.items()
        for own in objectives
        for name, value in own.state.items()
    }
    return states | {f"teacher/{key.text}": value for key, value in model.graft.bank.teacher.items()}


def load_learning_state(model: "Model", tensors: Mapping[str, Tensor]) -> None:
    """Put back what `learning_state` gave.

    Raises:
        ValueError: tensors lack, are too many, or have other shapes.
    """
    own = learning_state(model)
    if differing := sorted(own.keys() ^ tensors.keys()):
        raise ValueError(f"{differing[0]} is missing, or belongs to no objective")
    for name, value in own.items():
        if value.shape != tensors[name].shape or value.dtype != tensors[name].dtype:
            raise ValueError(f"{name} has another shape or dtype than {tuple(value.shape)}, {value.dtype}")
        value.copy_(tensors[name])
