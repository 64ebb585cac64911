"""Merging: one task's adapters put into the trunk's own projections, and taken out again to the last bit."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attachment import Attachment, Graft
from multigraft.core.graft.operands import Operands, generate
from multigraft.core.interfaces.adapter import Adapter
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.projection import Projection, Quantized
from multigraft.core.model.site_weights import projections_of
from multigraft.core.types.batch import Segment


class _Linear(NamedTuple):
    """A projection with a weight `(width_out, width_in)` and a bias for it."""

    projection: Projection
    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class Merged:
    """A trunk with adapters in its projections; it runs without their graft."""

    sites: tuple[str, ...]
    """Sites whose projections were changed."""
    _old: tuple[_Linear, ...]

    def restore(self) -> None:
        """Put the tensors back that were there before."""
        for old in self._old:
            old.projection.replace(old.weight, old.bias)


@torch.no_grad()
def merge(backbone: Backbone, graft: Graft, task: str) -> Merged:
    """Put the adapters of a task into the trunk's projections; nothing is changed where one of them cannot be.

    Prompts and heads stay with the graft. The trunk is another one until `Merged.restore`: its other tasks are wrong.

    Raises:
        MultigraftError: something of the graft cannot be merged into a projection.
    """
    if task not in graft.tasks:
        raise MultigraftError(f"the graft has no task {task!r}; it has {', '.join(graft.tasks)}")
    segments = (Segment(task, 0, 1),)
    operands = Operands(graft, segments, None, generate(graft, segments))
    projections, tied = projections_of(backbone), _tied(backbone.model)
    new = []
    for site, attachments in graft.sites.items():
        attachment = _only(attachments)
        new.append(_merged(attachment, _whole(site, projections, tied), operands))
    old = tuple(_Linear(each.projection, each.projection.weight.clone(), _copy(each.projection.bias)) for each in new)
    for each in new:
        each.projection.replace(each.weight, each.bias)
    return Merged(tuple(graft.sites), old)


def _only(attachments: list[Attachment]) -> Attachment:
    """The attachment of a site, if it can be merged at all."""
    for each in attachments:
        where = f"adapter '{each.method}' cannot be merged at {each.site.name}"
        if each.adapter is None:
            raise MultigraftError(f"the {each.method} that were trained at {each.site.name} cannot be merged")
        if not isinstance(each.adapter, Adapter):
            raise MultigraftError(f"{where}: a prefix is no part of a projection")
        if each.site.kind != "projection":
            raise MultigraftError(f"{where}: it is a {each.site.kind}, and no projection")
    if len(attachments) > 1:
        methods = ", ".join(each.method for each in attachments)
        raise MultigraftError(f"the adapters {methods} at {attachments[0].site.name} cannot be merged together")
    return attachments[0]


def _merged(attachment: Attachment, projection: Projection, operands: Operands) -> _Linear:
    site, adapter = attachment.site, attachment.adapter
    assert isinstance(adapter, Adapter)
    parts = adapter.prepared(site, operands.of(attachment))
    bias = projection.bias
    found = adapter.merged(site, projection.weight.float(), None if bias is None else bias.float(), parts)  # type: ignore[arg-type]
    if found is None:
        raise MultigraftError(
            f"adapter '{attachment.method}' cannot be merged at {site.name}: no projection acts as it does"
        )
    weight, other = found
    if weight.shape != projection.weight.shape or (other is None) != (bias is None):
        shapes = f"{tuple(weight.shape)} with{'out' if other is None else ''} a bias"
        here = f"{tuple(projection.weight.shape)} with{'out' if bias is None else ''} one"
        raise MultigraftError(
            f"adapter '{attachment.method}' cannot be merged at {site.name}: {shapes}, and it has {here}"
        )
    return _Linear(projection, weight, other)


def _whole(site: str, projections: Mapping[str, Projection], tied: set[int]) -> Projection:
    """The projection of a site, if its tensors are its own and plain numbers."""
    projection = projections.get(site)
    if projection is None:
        raise MultigraftError(f"the backbone has no projection {site}")
    if isinstance(projection.module, Quantized):
        raise MultigraftError(f"{site} cannot be merged: its weight is quantised ({projection.module.form})")
    for tensor in projection.stored:
        if not isinstance(tensor, Tensor) or type(tensor) not in _PLAIN or tensor.dtype not in _DTYPES:
            kind = f"{type(tensor).__name__} {getattr(tensor, 'dtype', '')}".strip()
            raise MultigraftError(f"{site} cannot be merged: its weight is quantised ({kind})")
        if id(tensor) in tied:
            raise MultigraftError(f"{site} cannot be merged: other modules have the same weight")
    return projection


_PLAIN = (Tensor, nn.Parameter)
_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def _tied(model: nn.Module) -> set[int]:
    """Ids of the parameters that stand in the model in several places."""
    counts = Counter(id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False))
    return {identity for identity, count in counts.items() if count > 1}


def _copy(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone()
