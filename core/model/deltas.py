"""What the adapters of tasks add to the trunk's projections, weighted and added up.

`W + sum over sources of weight * delta` (task arithmetic, Ilharco et al. 2023, equation 1). A delta is a product of two
factors, so the sum is one too: its factors stand side by side, and each weight, with its sign, goes into one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attachment import Attachment, Graft
from multigraft.core.graft.operands import Operands, generate
from multigraft.core.interfaces.adapter import Adapter, Prefix
from multigraft.core.types.batch import Segment


@dataclass(frozen=True)
class WeightedTask:
    """A task of a graft, and how much of what its adapters add is taken."""

    graft: Graft
    task: str
    weight: float
    """Any finite number; what a negative one takes is subtracted."""
    name: str = ""
    """What errors call it; its task if left out."""

    @property
    def called(self) -> str:
        """Its name in errors."""
        return self.name or f"task {self.task!r}"


class Term(NamedTuple):
    """`weight * up @ down`."""

    weight: float
    up: Tensor
    """`(width_out, rank)`."""
    down: Tensor
    """`(rank, width_in)`."""


def terms_by_site(sources: Sequence[WeightedTask], dtype: torch.dtype | None = None) -> dict[str, list[Term]]:
    """What the adapters of all sources add at each site; a source without adapters at a site adds nothing there.

    Args:
        dtype: what stored parts are cast to before anything is made of them; their own if left out.

    Raises:
        MultigraftError: a task that its graft does not have, a weight that is no finite number, or an adapter whose
            effect is no addition to a projection's weight. Trained norms and biases are left to the caller.
    """
    found: dict[str, list[Term]] = {}
    for source in sources:
        check_weighted(source)
        for attachment, parts in prepared_parts(source.graft, source.task, f" of {source.called}", dtype):
            found.setdefault(attachment.site.name, []).append(_term(source, attachment, parts))
    return found


def summed(terms: Sequence[Term], dtype: torch.dtype) -> Tensor:
    """`(width_out, width_in)`: the sum of the terms, computed in `dtype`."""
    up, down = stacked(terms, dtype)
    return up @ down


def stacked(terms: Sequence[Term], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Factors of the sum of the terms, `(width_out, all ranks)` and `(all ranks, width_in)`; `up` has the weights."""
    up = torch.cat([term.weight * term.up.to(dtype) for term in terms], dim=1)
    return up, torch.cat([term.down.to(dtype) for term in terms])


def check_weighted(source: WeightedTask) -> None:
    """Refuse what cannot be a source.

    Raises:
        MultigraftError: no such task, or a weight that is no finite number.
    """
    if source.task not in source.graft.tasks:
        raise MultigraftError(f"the graft has no task {source.task!r}; it has {', '.join(source.graft.tasks)}")
    if not isfinite(source.weight):
        raise MultigraftError(f"the weight of {source.called} is {source.weight}; give a finite number")


def prepared_parts(
    graft: Graft, task: str, whose: str = "", dtype: torch.dtype | None = None
) -> list[tuple[Attachment, Mapping[str, Tensor]]]:
    """Each adapter of a task with the parts that it is given, in the order of sites.

    Args:
        whose: what errors put behind an adapter's name.
        dtype: what stored parts are cast to; their own if left out.

    Raises:
        MultigraftError: one that stands on no projection.
    """
    segments = (Segment(task, 0, 1),)
    operands = Operands(graft, segments, dtype, generate(graft, segments))
    found = []
    for attachment in graft.attachments():
        if attachment.adapter is not None:
            adapter = on_projection(attachment, whose)
            found.append((attachment, adapter.prepared(attachment.site, operands.of(attachment))))
    return found  # type: ignore[return-value]


def on_projection(attachment: Attachment, whose: str = "") -> Adapter:
    """The adapter of an attachment, if it stands on a projection.

    Args:
        whose: what errors put behind its name.

    Raises:
        MultigraftError: it does not.
    """
    where = f"adapter '{attachment.method}'{whose} cannot be merged at {attachment.site.name}"
    if not isinstance(attachment.adapter, Adapter):
        what = "prefix" if isinstance(attachment.adapter, Prefix) else "side network"
        raise MultigraftError(f"{where}: a {what} is no part of a projection")
    if attachment.site.kind != "projection":
        raise MultigraftError(f"{where}: it is a {attachment.site.kind}, and no projection")
    return attachment.adapter


def _term(source: WeightedTask, attachment: Attachment, parts: Mapping[str, Tensor]) -> Term:
    site, adapter = attachment.site, attachment.adapter
    assert isinstance(adapter, Adapter)
    factors = adapter.delta(site, parts)
    where = f"adapter '{attachment.method}' of {source.called} cannot be added to others at {site.name}"
    if factors is None:
        raise MultigraftError(f"{where}: what it does is no matrix added to the weight of a projection")
    up, down = factors
    if (len(up), *down.shape[1:]) != (site.width_out, site.width_in) or up.shape[1:] != down.shape[:1]:
        shapes = f"{tuple(up.shape)} and {tuple(down.shape)}"
        raise MultigraftError(f"{where}: its factors {shapes} make no ({site.width_out}, {site.width_in})")
    return Term(source.weight, up, down)
