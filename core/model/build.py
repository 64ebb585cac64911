"""From a recipe to a model: build the trunk, plan the graft, and give its tensors their start values."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from multigraft.core.errors import OptionError, below
from multigraft.core.graft.attach import Method, ModuleParts, add_method, add_module, add_overlay, adopt
from multigraft.core.graft.attachment import Graft, GraftModule
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.count import ParameterTable, count_parameters
from multigraft.core.graft.scope import unknown_patterns, widened
from multigraft.core.graft.select import select
from multigraft.core.interfaces.adapter import Adapter, Prefix
from multigraft.core.interfaces.backbone import Backbone, Entrance
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.objective import Objective
from multigraft.core.interfaces.prompt import PromptGenerator, PromptShape
from multigraft.core.interfaces.sharing import Sharing
from multigraft.core.model.model import Model
from multigraft.core.model.prompting import PlacedPrompt
from multigraft.core.options.base import Options
from multigraft.core.options.options import PromptOptions, SiteSelector
from multigraft.core.recipe.method_names import method_name
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import Registry
from multigraft.core.suggest import did_you_mean
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site


@dataclass(frozen=True)
class Trunk:
    """The frozen parts."""

    backbone: Backbone
    encoder: VisualEncoder | None
    fingerprints: Mapping[str, str]
    """What a graft belongs to: the parts as they were loaded, before one is trained in place."""

    @classmethod
    def of(cls, backbone: Backbone, encoder: VisualEncoder | None) -> "Trunk":
        """A trunk that was just loaded."""
        encoders = {"encoder": encoder.fingerprint()} if encoder else {}
        return cls(backbone, encoder, {"backbone": backbone.fingerprint(), **encoders})

    def origins(self) -> dict[str, str]:
        """Where the weights of its parts came from, as far as the parts say it."""
        parts = {"backbone": self.backbone, "encoder": self.encoder}
        return {name: part.origin for name, part in parts.items() if part is not None and part.origin}


def build_trunk(recipe: Recipe, registry: Registry, on_meta_device: bool = False) -> Trunk:
    """Load the frozen parts; on the meta device nothing is read and nothing takes memory."""
    with below("trunk", "backbone"):
        backbone = build_backbone(recipe, registry, on_meta_device)
    with below("trunk", "encoder"):
        encoder = build_encoder(recipe, registry, on_meta_device)
    return Trunk.of(backbone, encoder)


def build_backbone(recipe: Recipe, registry: Registry, on_meta_device: bool = False) -> Backbone:
    """Load the language model."""
    with _device(on_meta_device):
        backbone: Backbone = registry.build("backbones", recipe.trunk.backbone)
    return backbone


def build_encoder(recipe: Recipe, registry: Registry, on_meta_device: bool = False) -> VisualEncoder | None:
    """Load the visual encoder, if there is one."""
    if recipe.trunk.encoder is None:
        return None
    with _device(on_meta_device):
        encoder: VisualEncoder = registry.build("visual_encoders", recipe.trunk.encoder)
    return encoder


def _device(meta: bool) -> AbstractContextManager[object]:
    return torch.device("meta") if meta else nullcontext()


def build_model(recipe: Recipe, registry: Registry, trunk: Trunk, tasks: Sequence[str] | None = None) -> Model:
    """Plan the graft of a recipe over a trunk, for some or all of its tasks. Its tensors exist after `allocate`."""
    graft = Graft(tuple(tasks or recipe.tasks), Bank(recipe.train.seed))
    _add_overlays(graft, recipe, registry, trunk.backbone)
    for number, method in enumerate(_methods(recipe, registry, trunk)):
        with below("graft", "adapters", number):
            add_method(graft, method)
    _refuse_stored_features(graft, recipe, trunk.encoder)
    prompts = _add_prompts(graft, recipe, registry, trunk)
    objectives = {name: build_objective(recipe, registry, trunk.backbone, name) for name in graft.tasks}
    heads = {
        name: head
        for name, objective in objectives.items()
        if (head := _add_head(graft, name, objective, trunk.backbone.width))
    }
    if not graft.bank.entries:
        raise OptionError(
            ("graft",), "this recipe trains nothing: give `graft.adapters`, `graft.train` or a trunk with a prompt"
        )
    train = recipe.train
    return Model(trunk.backbone, trunk.encoder, graft, objectives, heads, prompts, train.precision, train.checkpointing)


def _refuse_stored_features(graft: Graft, recipe: Recipe, encoder: VisualEncoder | None) -> None:
    """Features are stored once, of the plain encoder.

    Raises:
        OptionError: adapters act in the encoder.
    """
    if recipe.data.features and encoder and any(site.name in graft.sites for site in encoder.sites()):
        raise OptionError(
            ("data", "features"),
            "stored features are those of the encoder without adapters, and adapters of this recipe act in it",
            "say `features: false`, or name no stack of the encoder in `sites`",
        )


def allocate(model: Model, device: torch.device) -> None:
    """Bring the trunk to a device and give the graft's tensors their start values there."""
    model.backbone.to(device)
    if model.encoder:
        model.encoder.to(device)
    model.graft.bank.allocate(device)


def count(model: Model) -> ParameterTable:
    """Parameters of a planned or allocated model."""
    return count_parameters(model.graft.bank, model.backbone, model.encoder)


def _add_overlays(graft: Graft, recipe: Recipe, registry: Registry, backbone: Backbone) -> None:
    train = recipe.graft.train
    if train.backbone:
        adopt(graft, "backbone", backbone.model)
        return
    found = dict.fromkeys(_OVERLAYS, False)
    with below("graft", "train", "sharing"):
        sharing = _sharing(registry, train.sharing, recipe)
    for site in backbone.sites():
        module = backbone.model.get_submodule(site.module)
        method = next((name for name, kinds in _OVERLAYS.items() if getattr(train, name) and site.kind in kinds), None)
        if method:
            add_overlay(graft, method, site, module, ["weight", "bias"] if method == "norms" else ["bias"], sharing)
        for name, kinds in _OVERLAYS.items():
            found[name] |= site.kind in kinds and (name == "norms" or getattr(module, "bias", None) is not None)
    for name in _OVERLAYS:
        if getattr(train, name) and not found[name]:
            raise OptionError(("graft", "train", name), f"this backbone has no {name} to train")


_OVERLAYS = {"norms": ("norm",), "biases": ("norm", "projection")}
"""Kinds of sites whose own tensors are trained, by the key of `graft.train`."""


def _methods(recipe: Recipe, registry: Registry, trunk: Trunk) -> list[Method]:
    methods = [build_method(recipe, registry, trunk, number) for number in range(len(recipe.graft.adapters))]
    names = [method.name for method in methods]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise OptionError(
                ("graft", "adapters", number), f"two adapters are called '{name}'", "give one of them a `name`"
            )
    return methods


def build_method(recipe: Recipe, registry: Registry, trunk: Trunk, number: int) -> Method:
    """The adapter at a place in the recipe's list, with its sites and its sharing rule.

    Raises:
        OptionError: it cannot be built, or a value of its `sites` or its `scope` matches nothing.
    """
    options = recipe.graft.adapters[number]
    for error in method_errors(recipe, registry, trunk, number):
        raise error
    adapter: Adapter | Prefix = registry.build("adapters", options, tasks=tuple(recipe.tasks))
    own = ("graft", "adapters", number, "sharing")
    with below(*(own if options.sharing else ("graft", "sharing"))):
        sharing = _sharing(registry, options.sharing or recipe.graft.sharing, recipe)
    chosen = tuple(select(_candidates(trunk, adapter, options.sites), _wanted(options.sites)))
    return Method(method_name(options), adapter, chosen, sharing, options.scope)


def method_errors(recipe: Recipe, registry: Registry, trunk: Trunk, number: int) -> Iterator[OptionError]:
    """What is wrong with an adapter, with each value of its `sites` and with its `scope`."""
    options = recipe.graft.adapters[number]
    place = "graft", "adapters", number
    try:
        with below(*place):
            adapter: Adapter | Prefix = registry.build("adapters", options, tasks=tuple(recipe.tasks))
    except OptionError as error:
        yield error
        return
    candidates = _candidates(trunk, adapter, options.sites)
    for location, message, hint in _unmatched(candidates, options.sites):
        yield OptionError((*place, *location), message, hint)
    try:
        with below(*place):
            declared = [part for site in select(candidates, _wanted(options.sites)) for part in adapter.parts(site)]
            for part in declared:
                widened(part, options.scope)
    except OptionError as error:
        yield error
        return
    for unknown in unknown_patterns(options.scope, [part.name for part in declared]) if declared else ():
        yield OptionError((*place, *unknown.location), unknown.message, unknown.hint)


def build_objective(recipe: Recipe, registry: Registry, backbone: Backbone, task: str) -> Objective:
    """The objective of a task.

    Raises:
        OptionError: it cannot be built, or cannot work over the backbone.
    """
    with below("tasks", task, "objective"):
        objective: Objective = registry.build("objectives", recipe.tasks[task].objective)
        if refusal := objective.refuse_backbone(backbone):
            raise OptionError((), refusal)
    return objective


def _candidates(trunk: Trunk, adapter: Adapter | Prefix, wanted: SiteSelector) -> list[Site]:
    """The sites that an adapter may act on: those of the backbone, and where it names stacks the encoder's too."""
    sites = trunk.backbone.sites() + (trunk.encoder.sites() if trunk.encoder and wanted.stack else ())
    kinds = adapter.kinds if isinstance(adapter, Adapter) else ("attention",)
    return [site for site in sites if site.kind in kinds]


def _unmatched(candidates: Sequence[Site], wanted: SiteSelector) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Each value that no chosen site has: an adapter would be missing there unseen."""
    chosen = select(candidates, _wanted(wanted))
    for field, values in _wanted(wanted).items():
        known = {getattr(site, field) for site in candidates} - {None}
        for number, value in enumerate(values):
            if any(getattr(site, field) == value for site in chosen):
                continue
            if value in known:
                message, hint = f"{field} {value!r} has no site that the other keys of `sites` allow", "leave it out"
            else:
                message = f"no site of this adapter has the {field} {value!r}"
                hint = did_you_mean(str(value), map(str, known))

            yield ("sites", field, number), message, hint


def _wanted(sites: SiteSelector) -> dict[str, list[str | int]]:
    return {field: values for field, values in sites if values is not None}


def _sharing(registry: Registry, options: Options, recipe: Recipe) -> Sharing:
    rule: Sharing = registry.build("sharing", options, tasks=tuple(recipe.tasks))
    return rule


def _add_prompts(graft: Graft, recipe: Recipe, registry: Registry, trunk: Trunk) -> list[PlacedPrompt]:
    return [_add_prompt(graft, recipe, registry, trunk, number) for number in range(len(recipe.trunk.prompt))]


def _add_prompt(graft: Graft, recipe: Recipe, registry: Registry, trunk: Trunk, number: int) -> PlacedPrompt:
    options, encoder, backbone = recipe.trunk.prompt[number], trunk.encoder, trunk.backbone
    shape = PromptShape(
        encoder.width if encoder else 0,
        encoder.tokens if encoder else 0,
        backbone.width,
        backbone.norm,
        backbone.word_table(),
        encoder.layout() if encoder else None,
    )
    place = ("trunk", "prompt", number)
    with torch.device("meta"), below(*place):
        generator: PromptGenerator = registry.build("prompt_generators", options, shape=shape)
    parts = ModuleParts(generator.initial, generator.frozen)
    with below(*place, "sharing"):
        name = f"prompt-{number}" if number else "prompt"
        module = add_module(graft, name, generator, parts, _sharing(registry, options.sharing, recipe))
    with below(*place):
        return PlacedPrompt(module, _entrance(options, backbone))


def _entrance(options: PromptOptions, backbone: Backbone) -> Entrance:
    """Where a recipe lets a prompt in.

    Raises:
        OptionError: there is no such stack or layer.
    """
    own = backbone.entrance
    stack = options.stack or own.stack
    if stack not in backbone.stacks:
        raise OptionError(("stack",), f"this backbone has no stack {stack!r}", did_you_mean(stack, backbone.stacks))
    layers = len(backbone.stacks[stack].layers)
    if isinstance(options.layer, int) and options.layer >= layers:
        raise OptionError(("layer",), f"the {stack} has the layers 0 to {layers - 1}")
    return Entrance(stack, options.place or own.place, options.layer)


class _OwnTask(Sharing):
    """A head belongs to its task."""

    def task_scope(self, task: str, site: Site, part: Part) -> str:
        return f"task:{task}"


def _add_head(graft: Graft, task: str, objective: Objective, width: int) -> GraftModule[nn.Module] | None:
    with torch.device("meta"):
        head = objective.make_head(width)
    if head is None:
        return None
    return add_module(graft, f"head-{task}", head, ModuleParts(head.initial), _OwnTask(), [task])
