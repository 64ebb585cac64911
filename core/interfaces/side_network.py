"""SideNetwork: a method that is a narrow network beside the stacks of a frozen backbone, fed by their states.

A component of `adapters` whose `build(options, tasks)` gives one; its options subclass `AdapterOptions`. The backbone
gives the layers, narrow copies of its own (`Backbone.narrow_stack`), and the engine runs them with masks, positions,
caches and the memory of cross-attention, which is the state of the network beside the stack that is read. What goes
in, what goes from the trunk into each layer and what comes out are pure functions of declared parts. The parameters of
the narrow layers are parts too, which the engine adds. Each part is owned as an adapter's parts are; the functions are
called once an owner, with plain tensors. The trunk runs without gradient.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from multigraft.core.types.part import Part
from multigraft.core.types.site import Site


@dataclass(frozen=True)
class BesideStack:
    """A stack of the trunk beside which a network stands."""

    name: str
    width: int
    layers: int
    ends: bool
    """Whether its states are what the trunk gives: no other stack reads them."""


class SideNetwork(ABC):
    """A network beside the trunk: parts, and pure functions of them."""

    trunk_precision: Literal["bf16", "same"] = "same"
    """What the trunk beside it is computed in: as everything else, or in bf16."""
    trunk_reads: Literal["all", "text"] = "all"
    """Whether the trunk reads what joins its texts at the embedding, such as a visual prompt, as the network does. If
    not, nothing is taken of the trunk at these tokens: what `join` is given there is zero."""

    @abstractmethod
    def layers(self, stack: BesideStack) -> Sequence[int]:
        """Numbers of the trunk's layers that it has a layer beside, rising."""

    @abstractmethod
    def width(self, stack: BesideStack) -> int:
        """Width of its states."""

    @abstractmethod
    def parts(self, stack: BesideStack, layer: int | None) -> Sequence[Part]:
        """What it declares beside a layer of the trunk; for None, what stands before and behind all layers."""

    @abstractmethod
    def enter(self, embedded: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        """Its first state `(rows, tokens, own width)`, of the embedded tokens `(rows, tokens, width)`."""

    @abstractmethod
    def from_trunk(self, states: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        """What it takes of a trunk layer's last states: `(rows, tokens, width)` to `(rows, tokens, own width)`."""

    @abstractmethod
    def join(self, state: Tensor, taken: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        """What its layer reads, of its state so far and what it took: all `(rows, tokens, own width)`."""

    @abstractmethod
    def leave(self, state: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        """What stands in for the last states of a stack that `ends`: `(rows, tokens, width)`."""

    def unused(self, sites: Sequence[Site]) -> Sequence[str]:
        """Texts of its options that change nothing at these sites, those that it was given. Refused by `check`."""
        return ()


@dataclass(frozen=True)
class SideRows:
    """A side network beside one stack, for rows that have one owner of all its parts."""

    graft: str
    start: int
    stop: int
    network: SideNetwork
    stack: BesideStack
    layers: Sequence[int]
    """Numbers of the trunk's layers that `narrow` has a layer beside."""
    narrow: nn.Module
    """Its layers with the owner's values, as a stack that reads embedded tokens."""
    outer: Mapping[str, Tensor]
    """Parts before and behind all layers."""
    inner: Mapping[int, Mapping[str, Tensor]]
    """Those beside each layer."""
