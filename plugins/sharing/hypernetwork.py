"""`hypernetwork`: parts generated from task, layer and block (Hyperformer, Mahabadi et al. 2021, section 2.2).

A task embedding and a layer embedding are joined and projected by two linear layers with a ReLU and a LayerNorm; from
that vector one linear generator for each block and part makes the part, its numbers in row-major order. A generator's
bias starts as the part itself would, where nothing of that is random: generated scales start around one.
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


class LayerwiseGenerator(PartGenerator):
    """The hypernetwork of one stack."""

    def __init__(self, options: HypernetworkOptions, tasks: Sequence[str], wanted: Sequence[tuple[Site, Part]]) -> None:
        super().__init__()
        self.wanted = tuple(wanted)
        self.parts_of = _by_generator(wanted)
        self.makes = [(site.name, part.name) for site, part in wanted]
        self.layers = sorted({site.layer for site, _ in wanted}, key=lambda layer: -1 if layer is None else layer)
        self.task_embeddings = nn.ParameterDict({task: nn.Parameter(torch.empty(options.embedding)) for task in tasks})
        self.layer_embeddings = nn.Parameter(torch.empty(len(self.layers), options.embedding))
        self.project = nn.Sequential(
            nn.Linear(2 * options.embedding, options.hidden), nn.ReLU(), nn.Linear(options.hidden, options.projected)
        )
        self.norm = nn.LayerNorm(options.projected, eps=1e-6)
        self.generators = nn.ModuleDict(
            {name: nn.Linear(options.projected, math.prod(parts[0].shape)) for name, parts in self.parts_of.items()}
        )

    def forward(self, tasks: Sequence[str]) -> dict[tuple[str, str], Tensor]:
        """All parts of some tasks, by (site name, part name): `(tasks, *shape)`."""
        of_tasks = torch.stack([self.task_embeddings[task] for task in tasks])[:, None].expand(-1, len(self.layers), -1)
        of_layers = self.layer_embeddings.expand(len(tasks), -1, -1)
        vectors = self.norm(self.project(torch.cat([of_tasks, of_layers], dim=-1)))
        made = {name: generator(vectors).unbind(1) for name, generator in self.generators.items()}
        return {
            (site.name, part.name): made[generator_name(site, part)][self.layers.index(site.layer)].view(
                -1, *part.shape
            )
            for site, part in self.wanted
        }

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
            fixed = _fixed_start(self.parts_of[name])
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


def _by_generator(wanted: Sequence[tuple[Site, Part]]) -> Mapping[str, Sequence[Part]]:
    """The parts that each generator makes, one a layer."""
    found: dict[str, list[Part]] = {}
    for site, part in wanted:
        parts = found.setdefault(generator_name(site, part), [])
        parts.append(part)
        if part.shape != parts[0].shape:
            raise MultigraftError(
                f"a hypernetwork makes a part of all layers with one generator, and {part.name} has the shapes "
                f"{parts[0].shape} and {part.shape} in the layers of {site.stack}; take another sharing rule there"
            )
    return found


def _fixed_start(parts: Sequence[Part]) -> Tensor | None:
    """The one start value of some parts; None where it is random, or differs among them."""
    starts = [part.initial(part.shape, Generator().manual_seed(seed)) for part in parts for seed in (0, 1)]
    return starts[0] if all(torch.equal(starts[0], each) for each in starts) else None


def generator_name(site: Site, part: Part) -> str:
    """Layers share a generator; blocks and parts do not."""
    return "-".join((site.block or "", site.inner or "", part.name)).replace(".", "_")


def build(options: HypernetworkOptions, tasks: tuple[str, ...]) -> HypernetworkSharing:
    """The rule of a recipe."""
    return HypernetworkSharing(options, tasks)
