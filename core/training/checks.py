"""Two mistakes that would otherwise go unseen: a site that is never called, and a graft that changes nothing."""

from collections.abc import Sequence

import torch

from multigraft.core.data.batch import Batch
from multigraft.core.errors import MultigraftError
from multigraft.core.graft.calls import GraftCalls, make_calls
from multigraft.core.interfaces.calls import PlainCalls, SiteCalls
from multigraft.core.model import Model


@torch.no_grad()
def check_graft_acts(model: Model, batch: Batch) -> None:
    """Run a batch with and without the graft's sites.

    Raises:
        MultigraftError: a grafted site was never called, or no output changed.
    """
    calls = make_calls(model.graft, batch.segments, training=False)
    grafted = _hidden(model, batch, calls, calls)
    missed = sorted(set(model.graft.sites) - calls.seen)
    if missed:
        raise MultigraftError(
            f"the trunk never called the sites {_listed(missed)}; its `sites()` and its layers differ"
        )
    plain = _hidden(model, batch, calls, PlainCalls())
    if model.graft.sites and torch.equal(grafted, plain):
        raise MultigraftError(
            "after a step the graft's adapters change no output; is an adapter's `apply` the identity?"
        )


def _hidden(model: Model, batch: Batch, own: GraftCalls, at_sites: SiteCalls) -> torch.Tensor:
    prompt, mask = model.prompt_maker(batch, own) if model.prompt_maker else (None, None)
    encoded = model.backbone.encode(batch.text_ids, batch.text_mask, prompt, mask, at_sites)
    return model.backbone.decode(encoded, batch.target_ids, at_sites)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
