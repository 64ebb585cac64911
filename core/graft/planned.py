"""Adapters and prefixes with the values of a batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

from multigraft.core.interfaces.adapter import Adapter, Prefix, SiteCall, SiteTensors
from multigraft.core.ops.grouping import at, by_owner, rebound
from multigraft.core.types.grouped import Grouped, Operand
from multigraft.core.types.site import Site
from multigraft.core.types.tokens import AttentionCall, KeyValues

Act = Callable[[SiteCall, Mapping[str, Operand]], Tensor]


@dataclass(frozen=True)
class PlannedAdapter:
    """An adapter at a site, with its prepared parts."""

    adapter: Adapter
    parts: Mapping[str, Operand]
    overlay: Mapping[str, Operand]
    """What stands in for the site's own tensors: one that is called once an owner sees one owner of these too."""

    @classmethod
    def of(
        cls, adapter: Adapter, site: Site, parts: Mapping[str, Operand], overlay: Mapping[str, Operand]
    ) -> "PlannedAdapter":
        """An adapter whose parts are prepared here, by owner where it does not say that it is grouped."""
        runs = None if adapter.grouped else by_owner(parts)
        if runs is None:
            return cls(adapter, adapter.prepared(site, parts), overlay)
        prepared = [adapter.prepared(site, values) for _, _, values in runs]
        bounds = (0, *(stop for _, stop, _ in runs))
        joined = {name: Grouped(tuple(each[name] for each in prepared), bounds) for name in prepared[0]}  # type: ignore[misc]
        return cls(adapter, joined, overlay)

    @property
    def has_before(self) -> bool:
        """Whether it changes what is read."""
        return type(self.adapter).before is not Adapter.before

    @property
    def has_after(self) -> bool:
        """Whether it changes what comes out."""
        return type(self.adapter).after is not Adapter.after

    def before(self, call: SiteCall) -> Tensor:
        """What the projection reads: `(rows, tokens, width_in)`."""
        return self._act(self.adapter.before, call)

    def after(self, call: SiteCall) -> Tensor:
        """What comes out of the site: `(rows, tokens, width_out)`."""
        return self._act(self.adapter.after, call)

    def rebound(self, places: Mapping[int, int]) -> "PlannedAdapter":
        """The same for rows whose bounds have moved."""
        parts = {name: rebound(operand, places) for name, operand in self.parts.items()}
        return PlannedAdapter(self.adapter, parts, {name: rebound(each, places) for name, each in self.overlay.items()})

    @cached_property
    def _runs(self) -> list[tuple[int, int, dict[str, Tensor]]] | None:
        return None if self.adapter.grouped else by_owner(self.parts, tuple(self.overlay.values()))

    def _act(self, act: Act, call: SiteCall) -> Tensor:
        runs = self._runs
        if runs is None:
            return act(call, self.parts)
        sizes = [stop - start for start, stop, _ in runs]
        apart = zip(runs, torch.split(call.input, sizes), torch.split(call.output, sizes), strict=True)
        return torch.cat(
            [act(_of_rows(call, start, stop, given, came), values) for (start, stop, values), given, came in apart]
        )


def _of_rows(call: SiteCall, start: int, stop: int, given: Tensor, came: Tensor) -> SiteCall:
    mask, residual = (None if each is None else each[start:stop] for each in (call.mask, call.residual))
    return replace(call, input=given, output=came, mask=mask, residual=residual, own=_OwnOfRow(call.own, start))


class _OwnOfRow:
    """A site's own tensors for rows of one owner."""

    __slots__ = ("_own", "_row")

    def __init__(self, own: SiteTensors, row: int) -> None:
        self._own, self._row = own, row

    @property
    def weight(self) -> Tensor | None:
        """That of the rows' owner."""
        weight = self._own.weight
        return None if weight is None else at(weight, self._row)

    @property
    def bias(self) -> Tensor | None:
        """That of the rows' owner."""
        bias = self._own.bias
        return None if bias is None else at(bias, self._row)


@dataclass(frozen=True)
class PlannedPrefix:
    """The keys and values of each owner of a prefix."""

    key: Operand
    """`(1, heads, tokens, head width)` for each owner."""
    value: Operand
    rows: int
    """Rows that the bounds count."""

    @classmethod
    def of(cls, prefix: Prefix, site: Site, parts: Mapping[str, Operand], rows: int) -> "PlannedPrefix":
        """A prefix whose memory is made here, once an owner."""
        runs = by_owner(parts)
        if runs is None:
            memory = prefix.memory(site, parts)  # type: ignore[arg-type]
            return cls(memory.key, memory.value, rows)
        made = [prefix.memory(site, values) for _, _, values in runs]
        bounds = (0, *(stop for _, stop, _ in runs))
        return cls(
            Grouped(tuple(each.key for each in made), bounds), Grouped(tuple(each.value for each in made), bounds), rows
        )

    def rebound(self, places: Mapping[int, int]) -> "PlannedPrefix":
        """The same for rows whose bounds have moved."""
        return PlannedPrefix(rebound(self.key, places), rebound(self.value, places), max(places.values()))

    def in_front(self, call: AttentionCall) -> AttentionCall:
        """The attention whose memory begins with the prefix, which every query sees with bias 0."""
        memory, rows = call.memory, call.memory.key.shape[0]
        key, value = (self._rows_of(each, rows).to(memory.key.dtype) for each in (self.key, self.value))
        joined = KeyValues(torch.cat([key, memory.key], 2), torch.cat([value, memory.value], 2))
        mask = call.mask
        if mask is not None:
            filling = True if mask.dtype == torch.bool else 0.0
            mask = pad(mask.expand(*mask.shape[:-1], memory.key.shape[2]), (key.shape[2], 0), value=filling)
        return replace(call, memory=joined, mask=mask)

    def _rows_of(self, operand: Operand, rows: int) -> Tensor:
        """`(rows, heads, tokens, head width)`; memory may have one row for several that the bounds count."""
        if not isinstance(operand, Grouped):
            return operand.expand(rows, -1, -1, -1)
        sizes = [(stop - start) * rows // self.rows for start, stop in zip(operand.bounds, operand.bounds[1:])]  # noqa: B905
        return torch.cat([value.expand(size, -1, -1, -1) for value, size in zip(operand.values, sizes, strict=True)])
