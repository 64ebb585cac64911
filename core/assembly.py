"""From a recipe to a model: build the trunk, plan the graft, and give its tensors their start values."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from multigraft.core.config.options import Options
from multigraft.core.config.recipe import Recipe
from multigraft.core.config.sections import AdapterOptions
from multigraft.core.errors import MultigraftError
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.build import Method, ModuleParts, add_method, add_module, add_overlay, adopt
from multigraft.core.graft.count import ParameterTable, count_parameters
from multigraft.core.graft.placement import Graft, ModulePlacement
from multigraft.core.graft.site import Site, select
from multigraft.core.interfaces.adapter import Adapter
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.objective import Objective
from multigraft.core.interfaces.prompt import PromptGenerator, PromptShape
from multigraft.core.interfaces.sharing import Owner, Sharing
from multigraft.core.model import Model
from multigraft.core.registry import Registry


@dataclass(frozen=True)
class Trunk:
    """The frozen parts."""

    backbone: Backbone
    encoder: VisualEncoder | None

    def fingerprints(self) -> dict[str, str]:
        """What a graft belongs to."""
        prints = {"backbone": self.backbone.fingerprint()}
        return prints | ({"encoder": self.encoder.fingerprint()} if self.encoder else {})


def build_trunk(recipe: Recipe, registry: Registry, on_meta_device: bool = False) -> Trunk:
    """Load the frozen parts; on the meta device nothing is read and nothing takes memory."""
    device: AbstractContextManager[object] = torch.device("meta") if on_meta_device else nullcontext()
    with device:
        backbone = registry.build("backbones", recipe.trunk.backbone)
        encoder = registry.build("visual_encoders", recipe.trunk.encoder) if recipe.trunk.encoder else None
    return Trunk(backbone, encoder)


def build_model(recipe: Recipe, registry: Registry, trunk: Trunk, tasks: Sequence[str] | None = None) -> Model:
    """Plan the graft of a recipe over a trunk, for some or all of its tasks. Its tensors exist after `allocate`."""
    graft = Graft(tuple(tasks or recipe.tasks), Bank(recipe.train.seed))
    _add_overlays(graft, recipe, trunk.backbone)
    for method in _methods(recipe, registry, trunk):
        add_method(graft, method)
    prompt = _add_prompt(graft, recipe, registry, trunk)
    objectives: dict[str, Objective] = {
        name: registry.build("objectives", recipe.tasks[name].objective) for name in graft.tasks
    }
    heads = {
        name: placement
        for name, objective in objectives.items()
        if (placement := _add_head(graft, name, objective, trunk.backbone.width))
    }
    if not graft.bank.entries:
        raise MultigraftError(
            "this recipe trains nothing: give `graft.adapters`, `graft.train` or a trunk with a prompt"
        )
    return Model(trunk.backbone, trunk.encoder, graft, objectives, heads, prompt, recipe.train.precision)


def allocate(model: Model, device: torch.device) -> None:
    """Bring the trunk to a device and give the graft's tensors their start values there."""
    model.backbone.to(device)
    if model.encoder:
        model.encoder.to(device)
    model.graft.bank.allocate(device)


def count(model: Model) -> ParameterTable:
    """Parameters of a planned or allocated model."""
    return count_parameters(model.graft.bank, model.backbone, model.encoder)


def _add_overlays(graft: Graft, recipe: Recipe, backbone: Backbone) -> None:
    train = recipe.graft.train
    if train.backbone:
        adopt(graft, "backbone", backbone.model)
        return
    for site in backbone.sites():
        names = (["weight"] if train.norms and site.kind == "norm" else []) + (
            ["bias"] if (train.norms and site.kind == "norm") or (train.biases and site.kind in _WITH_BIAS) else []
        )
        if names:
            method = "norms" if train.norms and site.kind == "norm" else "biases"
            add_overlay(graft, method, site, backbone.model.get_submodule(site.module), names)


_WITH_BIAS = ("norm", "projection")


def _methods(recipe: Recipe, registry: Registry, trunk: Trunk) -> list[Method]:
    sites = trunk.backbone.sites() + (trunk.encoder.sites() if trunk.encoder else ())
    methods: list[Method] = []
    for options in recipe.graft.adapters:
        adapter: Adapter = registry.build("adapters", options)
        sharing = _sharing(registry, options.sharing or recipe.graft.sharing, recipe)
        name = options.name or options.kind.split("/")[-1]
        if any(method.name == name for method in methods):
            raise MultigraftError(f"two adapters are called '{name}'; give one of them a `name`")
        methods.append(Method(name, adapter, _selected(sites, adapter, options), sharing))
    return methods


def _selected(sites: Sequence[Site], adapter: Adapter, options: AdapterOptions) -> tuple[Site, ...]:
    wanted = {field: values for field, values in options.sites if values is not None}
    return tuple(select([site for site in sites if site.kind in adapter.kinds], wanted))


def _sharing(registry: Registry, options: Options, recipe: Recipe) -> Sharing:
    rule: Sharing = registry.build("sharing", options, tasks=tuple(recipe.tasks))
    return rule


def _add_prompt(graft: Graft, recipe: Recipe, registry: Registry, trunk: Trunk) -> ModulePlacement[nn.Module] | None:
    options, encoder, backbone = recipe.trunk.prompt, trunk.encoder, trunk.backbone
    if options is None or encoder is None:
        return None
    shape = PromptShape(
        encoder.width, encoder.tokens, backbone.width, backbone.norm, backbone.word_table(), encoder.layout()
    )
    with torch.device("meta"):
        generator: PromptGenerator = registry.build("prompt_generators", options, shape=shape)
    parts = ModuleParts(generator.initial, generator.frozen)
    return add_module(graft, "prompt", generator, parts, _sharing(registry, options.sharing, recipe))


class _OwnTask(Sharing):
    """A head belongs to its task."""

    def owner(self, task: str, site: Site, part: object) -> Owner:
        return Owner(f"task:{task}", site.name)


def _add_head(graft: Graft, task: str, objective: Objective, width: int) -> ModulePlacement[nn.Module] | None:
    with torch.device("meta"):
        head = objective.make_head(width)
    if head is None:
        return None
    return add_module(graft, f"head-{task}", head, ModuleParts(head.initial), _OwnTask(), [task])
