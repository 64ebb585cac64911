"""A side network beside one stack: its parts at every layer, and what it runs with for the rows of an owner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from multigraft.core.graft.bound_stack import BoundStack, Caller
from multigraft.core.interfaces.side_network import BesideStack, SideNetwork, SideRows
from multigraft.core.ops.grouping import by_owner, rebound
from multigraft.core.types.grouped import Operand
from multigraft.core.types.part import Part
from multigraft.core.types.site import SIDE, Site

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.stack import Stack

Slot = tuple[int | None, str]
"""A part beside a layer, by its number in the trunk and the part's name; None for what is around all layers."""


def site_beside(stack: BesideStack, layer: int | None) -> Site:
    """Where parts beside a layer of a stack stand; for None, what is before and behind all layers."""
    return Site(stack.name, layer, None, SIDE, SIDE, stack.width, stack.width, "")


@dataclass(frozen=True)
class SideOfStack:
    """A side network beside one stack."""

    network: SideNetwork
    stack: BesideStack
    layers: tuple[int, ...]
    narrow: "Stack"
    declared: Mapping[int | None, tuple[Part, ...]]
    caller: Caller

    @classmethod
    def of(cls, network: SideNetwork, backbone: "Backbone", stack: BesideStack) -> "SideOfStack":
        """Beside a stack of a backbone."""
        layers = tuple(network.layers(stack))
        made = backbone.narrow_stack(stack.name, network.width(stack), len(layers))
        caller = Caller(made.stack)
        declared: dict[int | None, tuple[Part, ...]] = {}
        for layer in (None, *layers):
            names = caller.parameters_of(None if layer is None else layers.index(layer))
            own = [Part(name, tuple(value.shape), made.initial(path, value)) for name, (path, value) in names.items()]
            declared[layer] = (*network.parts(stack, layer), *own)
        return cls(network, stack, layers, made.stack, declared, caller)

    @property
    def sites(self) -> tuple[Site, ...]:
        """Where its parts stand."""
        return tuple(site_beside(self.stack, layer) for layer, parts in self.declared.items() if parts)

    def parts(self, site: Site) -> Sequence[Part]:
        """Those at one of its sites: the network's own, and the parameters of the narrow layer."""
        return self.declared[site.layer]


@dataclass(frozen=True)
class PlannedSide:
    """A side network beside a stack, with the parts of a graft's rows of a batch."""

    side: SideOfStack
    graft: str
    parts: Mapping[Slot, Operand]

    def rows(self, start: int, stop: int) -> Sequence[SideRows]:
        """The network for each stretch of rows with one owner, of the graft's rows `start` to `stop`."""
        return [self._of(start + first, start + last, each) for first, last, each in self._owners(stop - start)]

    def rebound(self, places: Mapping[int, int]) -> "PlannedSide":
        """The same for rows whose bounds have moved."""
        return PlannedSide(self.side, self.graft, {slot: rebound(each, places) for slot, each in self.parts.items()})

    def _owners(self, rows: int) -> "list[tuple[int, int, _Values]]":
        if self._runs is None:
            return [(0, rows, self._only)]
        return self._runs

    @cached_property
    def _only(self) -> "_Values":
        return _Values(self.side, self.parts)  # type: ignore[arg-type]

    @cached_property
    def _runs(self) -> "list[tuple[int, int, _Values]] | None":
        runs = by_owner(self.parts)
        if runs is None:
            return None
        return [(start, stop, _Values(self.side, values)) for start, stop, values in runs]

    def _of(self, start: int, stop: int, values: "_Values") -> SideRows:
        side = self.side
        return SideRows(
            self.graft, start, stop, side.network, side.stack, side.layers, values.narrow, values.outer, values.inner
        )


class _Values:
    """The parts of one owner, and the narrow layers with them."""

    def __init__(self, side: SideOfStack, values: Mapping[Slot, Tensor]) -> None:
        by_layer: dict[int | None, dict[str, Tensor]] = {layer: {} for layer in (None, *side.layers)}
        for (layer, name), value in values.items():
            by_layer[layer][name] = value
        self.outer = by_layer[None]
        self.inner = {layer: by_layer[layer] for layer in side.layers}
        self.narrow = BoundStack(side.caller, self.outer, [self.inner[layer] for layer in side.layers])
