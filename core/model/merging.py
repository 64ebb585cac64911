"""Merging: adapters put into the trunk's own projections, and taken out again to the last bit.

`merge` puts in those of one task, whatever they do to a projection; `merge_sum` the weighted sum of those of many.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attachment import Attachment, Graft
from multigraft.core.interfaces.adapter import Adapter
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.projection import Projection, Quantized
from multigraft.core.model.deltas import WeightedTask, on_projection, prepared_parts, summed, terms_by_site
from multigraft.core.model.site_weights import projections_of


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
    for attachments in graft.sites.values():
        _refuse_several(attachments)
    _refuse_overlays(graft)
    projections, tied = projections_of(backbone), _tied(backbone.model)
    return _replace(
        [
            (attachment.site.name, _merged(attachment, _whole(attachment.site.name, projections, tied), parts))
            for attachment, parts in prepared_parts(graft, task)
        ]
    )


@torch.no_grad()
def merge_sum(backbone: Backbone, sources: Sequence[WeightedTask]) -> Merged:
    """Add the weighted deltas of tasks, of one graft over the trunk or of several, to its projections: `W + sum of
    weight * delta`. Nothing is changed where one of them has no delta.

    Prompts and heads stay with the grafts. The trunk is another one until `Merged.restore`.

    Raises:
        MultigraftError: as `terms_by_site`, or a projection that cannot be written over.
    """
    for source in sources:
        _refuse_overlays(source.graft)
    projections, tied = projections_of(backbone), _tied(backbone.model)
    new = []
    for site, terms in terms_by_site(sources).items():
        projection = _whole(site, projections, tied)
        weight = projection.weight.to(_wide(projection.weight.dtype))
        new.append((site, _Linear(projection, weight + summed(terms, weight.dtype), projection.bias)))
    return _replace(new)


def _replace(new: Sequence[tuple[str, _Linear]]) -> Merged:
    old = tuple(_Linear(p, p.weight.clone(), _copy(p.bias)) for p in (each.projection for _, each in new))
    for _, each in new:
        each.projection.replace(each.weight, each.bias)
    return Merged(tuple(site for site, _ in new), old)


def _refuse_overlays(graft: Graft) -> None:
    for each in graft.attachments():
        if each.adapter is None:
            raise MultigraftError(f"the {each.method} that were trained at {each.site.name} cannot be merged")


def _refuse_several(attachments: Sequence[Attachment]) -> None:
    """Refuse a site with several adapters; one that can be merged at no site is told before."""
    for each in attachments:
        if each.adapter is not None:
            on_projection(each)
    if len(attachments) > 1:
        methods = ", ".join(each.method for each in attachments)
        raise MultigraftError(f"the adapters {methods} at {attachments[0].site.name} cannot be merged together")


def _wide(dtype: torch.dtype) -> torch.dtype:
    """What weights of a type are added up in."""
    return torch.promote_types(dtype, torch.float32)


def _merged(attachment: Attachment, projection: Projection, parts: Mapping[str, Tensor]) -> _Linear:
    site, adapter = attachment.site, attachment.adapter
    assert isinstance(adapter, Adapter)
    bias, wide = projection.bias, _wide(projection.weight.dtype)
    found = adapter.merged(site, projection.weight.to(wide), None if bias is None else bias.to(wide), parts)
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
