"""`hypernetwork`: parts generated from task, layer and block (Hyperformer, Mahabadi et al. 2021, section 2.2).

A task embedding and a layer embedding are joined and projected by two linear layers with a ReLU and a LayerNorm; from
that vector one linear generator for each block and part makes the part, its numbers in row-major order. With block
embeddings (Hyperformer++) an embedding of the block is joined too, and one generator makes a part for all blocks. A
generator's bias starts as the part itself would, where nothing of that is random: generated scales start around one.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor, nn

from multigraft import SHARED, Initial, MultigraftError, Part, PartGenerator, Sharing, Site
from multigraft.init import normal, ones, zeros
from multigraft.plugins.sharing.options import HypernetworkOptions

_START = 0.02
"""Scale of generated weights at the start, that of a stored adapter."""
_BLOCKS = ("feed-forward", "self-attention", "cross-attention")
"""Rows of the block embeddings, in VL-Adapter's order; each stack has all of them, and others behind them."""
_EVERY_BLOCK = "every-block"


class LayerwiseGenerator(PartGenerator):
    """The hypernetwork of one stack."""

    def __init__(self, options: HypernetworkOptions, tasks: Sequence[str], wanted: Sequence[tuple[Site, Part]]) -> None:
        super().__init__()
        self.by_block = options.block_embeddings
        self.uses = _by_generator(wanted, self.by_block)
        self.makes = [(site.name, part.name) for site, part in wanted]
        self.layers = sorted({site.layer for site, _ in wanted}, key=lambda layer: -1 if layer is None else layer)
        self.blocks = [*dict.fromkeys([*_BLOCKS, *(site.block or "" for site, _ in wanted)])] if self.by_block else [""]
        self.task_embeddings = nn.ParameterDict({task: nn.Parameter(torch.empty(options.embedding)) for task in tasks})
        self.layer_embeddings = nn.Parameter(torch.empty(len(self.layers), options.embedding))
        if self.by_block:
            self.block_embeddings = nn.Parameter(torch.empty(len(self.blocks), options.embedding))
        joined = (3 if self.by_block else 2) * options.embedding
        self.project = nn.Sequential(
            nn.Linear(joined, options.hidden), nn.ReLU(), nn.Linear(options.hidden, options.projected)
        )
        self.norm = nn.LayerNorm(options.projected, eps=1e-6)
        self.generators = nn.ModuleDict(
            {name: nn.Linear(options.projected, math.prod(uses[0][1].shape)) for name, uses in self.uses.items()}
        )

    def forward(self, tasks: Sequence[str]) -> dict[tuple[str, str], Tensor]:
        """All parts of some tasks, by (site name, part name): `(tasks, *shape)`."""
        vectors = self.norm(self.project(self._joined_embeddings(tasks)))
        found = {}
        for name, uses in self.uses.items():
            places = sorted({self._place(site) for site, _ in uses})
            made = self.generators[name](vectors[:, places]).unbind(1)
            for site, part in uses:
                found[site.name, part.name] = made[places.index(self._place(site))].view(-1, *part.shape)
        return found

    def _joined_embeddings(self, tasks: Sequence[str]) -> Tensor:
        """`(tasks, layers * blocks, width)`."""
        of_tasks = torch.stack([self.task_embeddings[task] for task in tasks])
        shape = len(tasks), len(self.layers), len(self.blocks), -1
        joined = [of_tasks[:, None, None].expand(shape), self.layer_embeddings[None, :, None].expand(shape)]
        if self.by_block:
            joined.append(self.block_embeddings.expand(shape))
        return torch.cat(joined, dim=-1).flatten(1, 2)

    def _place(self, site: Site) -> int:
        """Which of the vectors is that of a site."""
        block = self.blocks.index(site.block or "") if self.by_block else 0
        return self.layers.index(site.layer) * len(self.blocks) + block

    def task_of(self, parameter: str) -> str | None:
        """A task embedding belongs to its task."""
        return parameter.removeprefix("task_embeddings.") if parameter.startswith("task_embeddings.") else None

    def initial(self, parameter: str) -> Initial:
        """Embeddings N(0, 1); generators so that parts start at the scale of stored ones, around their fixed start."""
        if "embeddings" in parameter:
            return normal(1.0)
        if parameter.endswith("bias"):
            return self._centre(parameter.split(".")[1]) if parameter.startswith("generators") else zeros
        if parameter.startswith("norm"):
            return ones
        if parameter.startswith("generators"):
            return normal(_START / math.sqrt(self.norm.normalized_shape[0]))
        fan_in = dict(self.named_parameters())[parameter].shape[1]
        return normal(1 / math.sqrt(fan_in))

    def _centre(self, name: str) -> Initial:
        """What the parts of a generator start around, as its bias: see `_fixed_start`."""

        def centre(shape: tuple[int, ...], generator: Generator) -> Tensor:
            fixed = _fixed_start([part for _, part in self.uses[name]])
            return zeros(shape, generator) if fixed is None else fixed.reshape(shape)

        return centre


class HypernetworkSharing(Sharing):
    """Generates every part of the methods it is given for."""

    def __init__(self, options: HypernetworkOptions, tasks: tuple[str, ...]) -> None:
        self.options, self.tasks = options, tasks

    def task_scope(self, task: str, site: Site, part: Part) -> str:
        """The generator's own parameters are shared."""
        return SHARED

    def generator(self, wanted: Sequence[tuple[Site, Part]]) -> LayerwiseGenerator:
        """The hypernetwork of a stack, for every part."""
        return LayerwiseGenerator(self.options, self.tasks, wanted)


_Uses = Sequence[tuple[Site, Part]]


def _by_generator(wanted: _Uses, by_block: bool) -> Mapping[str, _Uses]:
    """What each generator makes, one shape in all layers, and in all blocks if `by_block`.

    Raises:
        MultigraftError: there are two shapes.
    """
    found: dict[str, list[tuple[Site, Part]]] = {}
    for site, part in wanted:
        uses = found.setdefault(_generator_name(site, part, by_block), [])
        uses.append((site, part))
        if part.shape != uses[0][1].shape:
            raise MultigraftError(_other_shape(uses[0], uses[-1], by_block))
    return found


def _other_shape(first: tuple[Site, Part], other: tuple[Site, Part], by_block: bool) -> str:
    where = "layers and blocks" if by_block else "layers"
    remedy = "leave `block_embeddings` out, " if by_block and first[0].block != other[0].block else ""
    return (
        f"a hypernetwork makes a part of all {where} with one generator, and {other[1].name} has the shapes "
        f"{first[1].shape} and {other[1].shape} in the {where} of {first[0].stack} ({first[0].name}, {other[0].name}); "
        f"{remedy}choose `sites` of one shape, or take another sharing rule there"
    )


def _fixed_start(parts: Sequence[Part]) -> Tensor | None:
    """The one start value of some parts; None where it is random, or differs among them."""
    starts = [part.initial(part.shape, Generator().manual_seed(seed)) for part in parts for seed in (0, 1)]
    return starts[0] if all(torch.equal(starts[0], each) for each in starts) else None


def _generator_name(site: Site, part: Part, by_block: bool) -> str:
    """Layers share a generator, parts do not; blocks do where they are told apart by an embedding."""
    block = _EVERY_BLOCK if by_block else site.block or ""
    return "-".join((block, site.inner or "", part.name)).replace(".", "_")


def build(options: HypernetworkOptions, tasks: tuple[str, ...]) -> HypernetworkSharing:
    """The rule of a recipe."""
    return HypernetworkSharing(options, tasks)
