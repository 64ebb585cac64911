"""`hypernetwork`: parts generated from task, layer and block (Hyperformer, Mahabadi et al. 2021, section 2.2).

A task embedding and a layer embedding are joined and projected by two linear layers with a ReLU and a LayerNorm; from
that vector one linear generator for each block and part makes the part, its numbers in row-major order.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multigraft import SHARED, Initial, MultigraftError, Owner, Part, PartGenerator, Sharing, Site
from multigraft.init import normal, ones, zeros
from multigraft.plugins.sharing.options import HypernetworkOptions

_START = 0.02
"""Scale of generated weights at the start, that of a stored adapter."""


class LayerwiseGenerator(PartGenerator):
    """The hypernetwork of one stack."""

    def __init__(self, options: HypernetworkOptions, tasks: Sequence[str], wanted: Sequence[tuple[Site, Part]]) -> None:
        super().__init__()
        self.wanted = tuple(wanted)
        self.layers = sorted({site.layer for site, _ in wanted}, key=lambda layer: -1 if layer is None else layer)
        self.task_embeddings = nn.ParameterDict({task: nn.Parameter(torch.empty(options.embedding)) for task in tasks})
        self.layer_embeddings = nn.Parameter(torch.empty(len(self.layers), options.embedding))
        self.project = nn.Sequential(
            nn.Linear(2 * options.embedding, options.hidden), nn.ReLU(), nn.Linear(options.hidden, options.projected)
        )
        self.norm = nn.LayerNorm(options.projected, eps=1e-6)
        self.generators = nn.ModuleDict(
            {name: nn.Linear(options.projected, math.prod(shape)) for name, shape in _shapes(wanted).items()}
        )

    def forward(self, task: str) -> dict[tuple[str, str], Tensor]:
        """All parts of one task, by (site name, part name)."""
        task_rows = self.task_embeddings[task].expand(len(self.layers), -1)
        joined = torch.cat([task_rows, self.layer_embeddings], dim=-1)
        vectors = self.norm(self.project(joined))
        made = {name: generator(vectors) for name, generator in self.generators.items()}
        return {
            (site.name, part.name): made[generator_name(site, part)][self.layers.index(site.layer)].view(part.shape)
            for site, part in self.wanted
        }

    def task_of(self, parameter: str) -> str | None:
        """A task embedding belongs to its task."""
        return parameter.removeprefix("task_embeddings.") if parameter.startswith("task_embeddings.") else None

    def initial(self, parameter: str) -> Initial:
        """Embeddings N(0, 1); generators so that generated weights start at the scale of stored ones."""
        if "embeddings" in parameter:
            return normal(1.0)
        if parameter.endswith("bias"):
            return zeros
        if parameter.startswith("norm"):
            return ones
        if parameter.startswith("generators"):
            return normal(_START / math.sqrt(self.norm.normalized_shape[0]))
        fan_in = dict(self.named_parameters())[parameter].shape[1]
        return normal(1 / math.sqrt(fan_in))


class HypernetworkSharing(Sharing):
    """Generates every part of the methods it is given for."""

    def __init__(self, options: HypernetworkOptions, tasks: tuple[str, ...]) -> None:
        self.options, self.tasks = options, tasks

    def owner(self, task: str, site: Site, part: Part) -> Owner:
        """The generator's own parameters are shared."""
        return Owner(SHARED, site.name)

    def generates(self, site: Site, part: Part) -> bool:
        """Every trained part."""
        return part.trained

    def generator(self, wanted: Sequence[tuple[Site, Part]]) -> LayerwiseGenerator:
        """The hypernetwork of a stack."""
        return LayerwiseGenerator(self.options, self.tasks, wanted)


def _shapes(wanted: Sequence[tuple[Site, Part]]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for site, part in wanted:
        shape = shapes.setdefault(generator_name(site, part), part.shape)
        if shape != part.shape:
            raise MultigraftError(
                f"a hypernetwork makes a part of all layers with one generator, and {part.name} has the shapes {shape} "
                f"and {part.shape} in the layers of {site.stack}; take another sharing rule there"
            )
    return shapes


def generator_name(site: Site, part: Part) -> str:
    """Layers share a generator; blocks and parts do not."""
    return "-".join((site.block or "", site.inner or "", part.name)).replace(".", "_")


def build(options: HypernetworkOptions, tasks: tuple[str, ...]) -> HypernetworkSharing:
    """The rule of a recipe."""
    return HypernetworkSharing(options, tasks)
