"""What a recipe would build: its parameters, who owns them, and the memory they take. On the meta device."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from multigraft.core.graft.bank import Bank
from multigraft.core.graft.count import ParameterTable
from multigraft.core.graft.listing import SiteRow, site_rows
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.projection import quantized_modules
from multigraft.core.model.build import build_model, count
from multigraft.core.model.model import Model
from multigraft.core.model.trunk import Trunk, build_trunk
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.spans import largest_batch
from multigraft.core.registry.registry import Registry
from multigraft.core.types.site import Site

_FP32 = 4
_OPTIMIZED = 4
"""Copies of a trained tensor: value, gradient and two moments."""


@dataclass(frozen=True)
class OwnerRow:
    """The tensors of one part with one task scope."""

    part: str
    owner: str
    shapes: tuple[tuple[int, ...], ...]
    tensors: int
    numbers: int


@dataclass(frozen=True)
class ModelSummary:
    """What a recipe would build: parameters, sites, owners, memory."""

    parameters: ParameterTable
    sites: tuple[SiteRow, ...]
    owners: tuple[OwnerRow, ...]
    memory: dict[str, int]
    """Bytes: `trunk`, `graft` with its optimizer, `activations` (a rough figure), `total`."""

    prompt_tokens: Mapping[str, int] = field(default_factory=dict)
    """Tokens that join a text, at most, by task; those of generators that do not say are left out."""
    most_images: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Images of a sample, or clips of sound, that the prompts of each task take, by modality; any number of one that is
    left out."""
    trained: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes of the trained tensors, by the text of their key."""

    def to_json(self) -> dict[str, Any]:
        """As `show --json` prints it."""
        owners = [{**vars(row), "shapes": [list(shape) for shape in row.shapes]} for row in self.owners]
        sites = [{**vars(row), "layers": list(row.layers)} for row in self.sites]
        return {"parameters": self.parameters.to_json(), "sites": sites, "owners": owners, "memory": self.memory}


def summarize_model(recipe: Recipe, registry: Registry, trunk: Trunk | None = None) -> ModelSummary:
    """Plan a recipe's graft without loading or allocating anything; `trunk` may be one on the meta device."""
    trunk = trunk or build_trunk(recipe, registry, on_meta_device=True)
    model = build_model(recipe, registry, trunk)
    table = count(model)
    sites, owners = site_rows(model.graft), _owner_rows(model.graft.bank)
    images = {task: model.most_images(task) for task in recipe.tasks}
    tokens = {task: model.most_prompt_tokens(task) for task in recipe.tasks}
    memory = _memory(recipe, trunk, table, {row.stack for row in sites} | _learning(model), images)
    trained = {key.text: entry.part.shape for key, entry in model.graft.bank.entries.items() if entry.part.trained}
    return ModelSummary(table, sites, owners, memory, tokens, images, trained)


def _learning(model: Model) -> set[str]:
    """Stacks of encoders that are trained in place."""
    whole = [encoder for encoder in model.encoders.values() if model.graft.bank.trains(encoder)]
    return {site.stack for encoder in whole for site in encoder.sites()}


def _owner_rows(bank: Bank) -> tuple[OwnerRow, ...]:
    groups: dict[tuple[str, str], list[tuple[int, ...]]] = {}
    for key, entry in bank.entries.items():
        part = key.owner.site_scope if key in bank.adopted else key.part
        groups.setdefault((part, key.owner.task_scope), []).append(entry.part.shape)
    return tuple(
        OwnerRow(part, owner, tuple(sorted(set(shapes)))[:4], len(shapes), sum(map(prod, shapes)))
        for (part, owner), shapes in groups.items()
    )


def _memory(
    recipe: Recipe,
    trunk: Trunk,
    table: ParameterTable,
    grafted: Collection[str],
    images: Mapping[str, Mapping[str, int]],
) -> dict[str, int]:
    graft = table.trainable * _FP32 * _OPTIMIZED
    frozen = (table.total_with_encoder - table.trainable) * _FP32 - _spared(trunk.backbone)
    rough = _activations(recipe, trunk, grafted, images)
    return {"trunk": frozen, "graft": graft, "activations": rough, "total": frozen + graft + rough}


def _spared(backbone: Backbone) -> int:
    """Bytes that its quantised weights take less than at 32 bits."""
    return sum(each.numbers * _FP32 - each.bytes for each in quantized_modules(backbone))


def _activations(
    recipe: Recipe, trunk: Trunk, grafted: Collection[str], images: Mapping[str, Mapping[str, int]]
) -> int:
    """About 34 bytes a token, width and layer at 16 bits, twice that at 32 (Korthikanti et al. 2022, section 4.1).

    An encoder keeps its own where its stack is among those `grafted`, in which adapters act or all is trained; those of
    one without stacks are not known. `images` says how many items of its modality a row of each task has, one if
    nothing.
    """
    text = max(task.text_limit + task.target_limit for task in recipe.tasks.values())
    prompts = sum(encoder.tokens for encoder in trunk.encoders.values())
    rows = recipe.train.micro_batch or largest_batch(recipe)
    wide = 1 if recipe.train.precision == "bf16" else 2
    kept = (text + prompts) * trunk.backbone.width * _layers(trunk.backbone.sites())
    for modality, encoder in trunk.encoders.items():
        inside = [site for site in encoder.sites() if site.stack in grafted]
        most = max(own.get(modality, 1) for own in images.values())
        kept += most * encoder.tokens * encoder.width * _layers(inside)
    return 34 * wide * rows * kept


def _layers(sites: Iterable[Site]) -> int:
    return len({(site.stack, site.layer) for site in sites if site.layer is not None})
