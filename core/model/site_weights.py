"""The trunk's own modules at its sites, found by running it once with an interceptor that keeps what it is handed."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.projection import Projection
from multigraft.core.interfaces.stack import Insert
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.tokens import Tokens
from multigraft.core.types.transform import Transform

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.encoder import Encoder
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.types.site import Site


class _Recorder(NoGraft):
    """Keeps the projections and norms that a trunk runs."""

    def __init__(self) -> None:
        super().__init__()
        self.projections: dict[str, Projection] = {}
        self.norms: dict[str, nn.Module] = {}

    def acts_at(self, sites: Iterable[str]) -> bool:
        """Everywhere, so that every site is run by itself."""
        return True

    def linear(self, site: str, projection: Projection, x: Tensor) -> Tensor:
        self.projections[site] = projection
        return super().linear(site, projection, x)

    def norm(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        self.norms[site] = module
        return super().norm(site, module, x)


def projections_of(backbone: "Backbone") -> dict[str, Projection]:
    """Those of all stacks by their sites, found by a pass over one token."""
    return _recorded(backbone).projections


@dataclass(frozen=True)
class SiteWeights:
    """The own weights of a trunk's sites."""

    trunk: "Trunk"

    def __call__(self, site: "Site") -> Tensor:
        """`(width_out, width_in)` of a projection, dequantised, or `(width,)` of a norm.

        Raises:
            MultigraftError: no pass of the trunk comes by.
        """
        found = self._modules.get(site.name)
        weight = getattr(found, "weight", None)
        if weight is None:
            raise MultigraftError(f"the weight of {site.name} cannot be found, and a part starts from it")
        return weight  # type: ignore[no-any-return]

    @cached_property
    def _modules(self) -> dict[str, Projection | nn.Module]:
        recorders = [_recorded(self.trunk.backbone)]
        recorders += [_recorded_encoder(each) for each in self.trunk.encoders.values() if each.sites()]
        found: dict[str, Projection | nn.Module] = {}
        for kept in recorders:
            found |= {**kept.projections, **kept.norms}
        return found


@torch.no_grad()
def _recorded(backbone: "Backbone") -> _Recorder:
    recorder = _Recorder()
    ids = torch.tensor([[backbone.end]], device=backbone.word_table().device)
    read = [
        Insert(name, "memory", "back", lambda text: Tokens(text.states))
        for name, stack in backbone.stacks.items()
        if stack.reads_memory and stack.memory is None
    ]
    passes = Passes(backbone, Texts(ids, torch.ones_like(ids, dtype=torch.bool), ids), recorder, read)
    for stack in backbone.stacks:
        passes.output(stack)
    return recorder


@torch.no_grad()
def _recorded_encoder(encoder: "Encoder") -> _Recorder:
    recorder, preparation = _Recorder(), encoder.preparation()
    if isinstance(preparation, Transform):
        arrays: Tensor | None = torch.zeros(1, 3, preparation.size, preparation.size, dtype=torch.uint8)
    else:
        example = preparation.example()
        arrays = None if example is None else torch.from_numpy(example)[:1]
    if arrays is not None:
        encoder.encode(arrays.to(next(encoder.parameters()).device), None, recorder)
    return recorder
