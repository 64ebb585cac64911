"""From a recipe to a model: build the trunk, plan the graft, and give its tensors their start values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch

from multigraft.core.errors import OptionError, below
from multigraft.core.graft.attach import Method, ModuleParts, add_method, add_module
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.count import ParameterTable, count_parameters
from multigraft.core.interfaces.backbone import Backbone, Entrance
from multigraft.core.interfaces.evaluator import Evaluator
from multigraft.core.interfaces.objective import Objective
from multigraft.core.interfaces.prompt import PromptGenerator, PromptShape
from multigraft.core.model.marked_prompts import refuse_decoding_behind_marks
from multigraft.core.model.methods import build_method, sharing_rule
from multigraft.core.model.model import Model
from multigraft.core.model.objectives import add_objectives, allocate_objectives
from multigraft.core.model.prompting import PlacedPrompt
from multigraft.core.model.refused_beside import refuse_beside, refuse_states_beside
from multigraft.core.model.site_weights import SiteWeights
from multigraft.core.model.task_objective import TaskObjective
from multigraft.core.model.trained_trunk import train_trunk
from multigraft.core.model.trunk import Trunk
from multigraft.core.options.options import PromptOptions
from multigraft.core.recipe.prompts import RecipePrompt, prompts_of
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import Registry
from multigraft.core.suggest import did_you_mean
from multigraft.core.types.need import Need


def build_model(recipe: Recipe, registry: Registry, trunk: Trunk, tasks: Sequence[str] | None = None) -> Model:
    """Plan the graft of a recipe over a trunk, for some or all of its tasks. Its tensors exist after `allocate`."""
    _refuse_sharding(recipe)
    graft = Graft(tuple(tasks or recipe.tasks), Bank(recipe.train.seed))
    methods = _methods(recipe, registry, trunk)
    refuse_beside(methods, recipe, trunk.backbone)
    train_trunk(graft, recipe, registry, trunk)
    for number, method in enumerate(methods):
        with below("graft", "adapters", number):
            add_method(graft, method)
    _refuse_stored_features(graft, recipe, trunk)
    prompts = _add_prompts(graft, recipe, registry, trunk)
    objectives = add_objectives(graft, recipe, registry, trunk)
    evaluators = {
        name: build_evaluator(recipe, registry, trunk.backbone, name, [each.objective for each in own])
        for name, own in objectives.items()
    }
    needs = {name: _needs(objectives[name], evaluators[name]) for name in evaluators}
    refuse_states_beside(methods, needs, trunk.backbone)
    refuse_decoding_behind_marks(prompts, needs, trunk.backbone)
    if not graft.bank.entries:
        raise OptionError(
            ("graft",), "this recipe trains nothing: give `graft.adapters`, `graft.train` or a trunk with a prompt"
        )
    return Model(
        trunk.backbone,
        trunk.encoders,
        graft,
        objectives,
        evaluators,
        prompts,
        recipe.train.precision,
        recipe.train.checkpointing,
        {name: writing(trunk.backbone, recipe, name) for name in objectives},
    )


def writing(backbone: Backbone, recipe: Recipe, task: str) -> Backbone:
    """A backbone with the form of texts that a task has.

    Raises:
        OptionError: it has no such form.
    """
    form = recipe.tasks[task].texts
    with below("tasks", task):
        return backbone if form is None else backbone.with_texts(form)


def _needs(objectives: Sequence[TaskObjective], evaluator: Evaluator) -> set[Need]:
    return {*evaluator.needs, *(need for each in objectives for need in each.objective.needs)}


def _refuse_sharding(recipe: Recipe) -> None:
    """Layers that are shared out are frozen.

    Raises:
        OptionError: the backbone is trained in place.
    """
    if recipe.train.shard and recipe.graft.train.backbone:
        raise OptionError(
            ("train", "shard"),
            "only a frozen backbone can be sharded, and `graft.train.backbone` trains it in place and saves it whole",
            "leave out one of the two",
        )


def _refuse_stored_features(graft: Graft, recipe: Recipe, trunk: Trunk) -> None:
    """Features are stored once, of the plain encoders.

    Raises:
        OptionError: adapters act in an encoder, or one is trained.
    """
    if recipe.data.features and recipe.graft.train.encoder:
        raise OptionError(
            ("data", "features"),
            "stored features are those of an encoder as it was loaded, and `graft.train.encoder` trains one",
            "say `features: false`, or leave out `graft.train.encoder`",
        )
    inside = (site.name for encoder in trunk.encoders.values() for site in encoder.sites())
    if recipe.data.features and any(name in graft.sites for name in inside):
        raise OptionError(
            ("data", "features"),
            "stored features are those of an encoder without adapters, and adapters of this recipe act in one",
            "say `features: false`, or name no stack of an encoder in `sites`",
        )


def allocate(model: Model, device: torch.device) -> None:
    """Bring the trunk to a device and give the graft's tensors their start values there."""
    model.backbone.to(device)
    for encoder in model.encoders.values():
        encoder.to(device)
    model.graft.bank.allocate(device)
    allocate_objectives(model, device)


def count(model: Model) -> ParameterTable:
    """Parameters of a planned or allocated model."""
    return count_parameters(model.graft.bank, model.backbone, model.encoders.values())


def _methods(recipe: Recipe, registry: Registry, trunk: Trunk) -> list[Method]:
    weights, numbers = SiteWeights(trunk), range(len(recipe.graft.adapters))
    methods = [replace(build_method(recipe, registry, trunk, number), weight_of=weights) for number in numbers]
    names = [method.name for method in methods]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise OptionError(
                ("graft", "adapters", number), f"two adapters are called '{name}'", "give one of them a `name`"
            )
    return methods


def build_evaluator(
    recipe: Recipe, registry: Registry, backbone: Backbone, task: str, objectives: Sequence[Objective]
) -> Evaluator:
    """The evaluator of a task.

    Raises:
        OptionError: it cannot be built, or cannot work with the objectives or over the backbone.
    """
    with below("tasks", task, "evaluator"):
        evaluator: Evaluator = registry.build("evaluators", recipe.tasks[task].evaluator, objectives=tuple(objectives))
        if refusal := evaluator.refuse_backbone(backbone):
            raise OptionError((), refusal)
    return evaluator


def build_prompt(prompt: RecipePrompt, registry: Registry, trunk: Trunk) -> PromptGenerator:
    """A prompt generator of a recipe, on the meta device.

    Raises:
        OptionError: it cannot be built.
    """
    options, backbone = prompt.options, trunk.backbone
    encoder = trunk.encoders.get(options.modality)
    shape = PromptShape(
        encoder.width if encoder else 0,
        encoder.tokens if encoder else 0,
        backbone.width,
        backbone.norm,
        backbone.word_table(),
        encoder.layout() if encoder else None,
        _summary(backbone),
    )
    with torch.device("meta"), below(*prompt.place):
        generator: PromptGenerator = registry.build("prompt_generators", options, shape=shape)
    return generator


def _summary(backbone: Backbone) -> Literal["first", "mean", "last"]:
    if backbone.summary == "first":
        return "first"
    return "last" if any(stack.reads == "text+target" for stack in backbone.stacks.values()) else "mean"


def _add_prompts(graft: Graft, recipe: Recipe, registry: Registry, trunk: Trunk) -> list[PlacedPrompt]:
    found = (_only_of(each, graft.tasks) for each in prompts_of(recipe))
    return [_add_prompt(graft, recipe, registry, trunk, each) for each in found if each.tasks]


def _only_of(prompt: RecipePrompt, tasks: Sequence[str]) -> RecipePrompt:
    return replace(prompt, tasks=tuple(task for task in prompt.tasks if task in tasks))


def _add_prompt(graft: Graft, recipe: Recipe, registry: Registry, trunk: Trunk, prompt: RecipePrompt) -> PlacedPrompt:
    options, place = prompt.options, prompt.place
    generator = build_prompt(prompt, registry, trunk)
    parts = ModuleParts(generator.initial, generator.frozen)
    with below(*place, "sharing"):
        rule = sharing_rule(registry, options.sharing, recipe)
        module = add_module(graft, prompt.name, generator, parts, rule, prompt.tasks)
    with below(*place):
        entrance, tasks = _entrance(options, trunk.backbone), frozenset(prompt.tasks)
        return PlacedPrompt(module, entrance, graft.bank, modality=options.modality, tasks=tasks, place=place)


def _entrance(options: PromptOptions, backbone: Backbone) -> Entrance:
    """Where a recipe lets a prompt in.

    Raises:
        OptionError: there is no such stack or layer.
    """
    own = backbone.entrance
    if options.layer == "memory":
        return _entrance_to_memory(options, backbone)
    stack = options.stack or own.stack
    if stack not in backbone.stacks:
        raise OptionError(("stack",), f"this backbone has no stack {stack!r}", did_you_mean(stack, backbone.stacks))
    layers = len(backbone.stacks[stack].layers)
    if isinstance(options.layer, int) and options.layer >= layers:
        raise OptionError(("layer",), f"the {stack} has the layers 0 to {layers - 1}")
    if options.place is None and stack != own.stack:
        raise OptionError(
            ("place",), f"say whether the prompt stands in front of the tokens of the {stack} or behind them"
        )
    return Entrance(stack, options.place or own.place, options.layer)


def _entrance_to_memory(options: PromptOptions, backbone: Backbone) -> Entrance:
    """What the cross-attention of a stack reads.

    Raises:
        OptionError: no stack reads a memory, or not this one.
    """
    reading = [name for name, stack in backbone.stacks.items() if stack.reads_memory]
    if not reading:
        raise OptionError(("layer",), "this backbone has no cross-attention, whose memory a prompt could join")
    if options.place is not None:
        raise OptionError(
            ("place",), "cross-attention knows no order, so it changes nothing in a memory", "leave it out"
        )
    stack = options.stack or reading[-1]
    if stack not in reading:
        message = f"{stack!r} is no stack of this backbone with cross-attention"
        raise OptionError(("stack",), message, did_you_mean(stack, reading))
    return Entrance(stack, "back", "memory")
