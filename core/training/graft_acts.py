"""Two mistakes that would otherwise go unseen: a site that is never called, and a graft that changes nothing."""

from collections.abc import Sequence

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.model.model import Model
from multigraft.core.trunk.runs import runs_for
from multigraft.core.trunk.sharding import whole_layers
from multigraft.core.types.batch import Batch
from multigraft.core.types.need import View


@torch.no_grad()
def check_graft_acts(model: Model, batch: Batch) -> None:
    """Run a batch with and without the graft's sites.

    Raises:
        MultigraftError: a grafted site was never called, or no output changed.
    """
    intercept = make_interceptor(model.graft, batch.segments, training=False)
    with whole_layers(model.backbone):
        grafted = _hidden(model, batch, intercept)
        plain = _hidden(model, batch, NoGraft())
    expected = _expected(model, batch)
    missed = sorted(expected - intercept.seen)
    if missed:
        raise MultigraftError(
            f"the trunk never called the sites {_listed(missed)}; its `sites()` and its layers differ"
        )
    if expected and torch.equal(grafted, plain):
        raise MultigraftError(
            "after a step the graft's adapters change no output; is an adapter's `after` the identity?"
        )


def _expected(model: Model, batch: Batch) -> set[str]:
    """The grafted sites that a batch comes by: those of an encoder where it has media to encode."""
    encodes = {items.modality for items in batch.media if items.arrays is not None}
    left = [encoder for modality, encoder in model.encoders.items() if modality not in encodes]
    passed_by = {site.name for encoder in left for site in encoder.sites()}
    return set(model.graft.sites) - passed_by


def _hidden(model: Model, batch: Batch, at_sites: Interceptor) -> torch.Tensor:
    passes, last = model.passes(batch, False, at_sites=at_sites), list(model.backbone.stacks)[-1]
    run = runs_for(model.backbone, ["states"], passes.split(View()))[-1]
    return passes.of(View(), run)[0].output(model.backbone.predicts or last).states


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
