"""Adapter: an adapter variant declares its parts for a site and acts as pure functions of them.

A component's `build(options, tasks)` gives an `Adapter`, a `Prefix` or a `SideNetwork`; its options subclass
`AdapterOptions`. An adapter stores nothing. Which tensor stands behind a part is the sharing rule's choice. At a site
all adapters' `before` run in the recipe's order, then the projection once, then all their `after` in the same order.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from multigraft.core.types.grouped import Operand
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site
from multigraft.core.types.tokens import KeyValues


class SiteTensors(Protocol):
    """A site's own tensors in use: those of an overlay where the graft trains it, else the frozen ones."""

    @property
    def weight(self) -> Operand | None:
        """`(width_out, width_in)` at projections, `(width,)` at norms; None at blocks."""
        ...

    @property
    def bias(self) -> Operand | None:
        """`(width_out,)`; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class SiteCall:
    """What happens at a site: for rows that share all owners, or for all rows where the adapter is `grouped`."""

    site: Site
    input: Tensor
    """What the projection, norm or block reads: `(rows, tokens, width_in)`. In `before`, what earlier adapters made."""
    output: Tensor
    """What came out, and out of the adapters before this one: `(rows, tokens, width_out)`. In `before`, the input."""
    own: SiteTensors
    """The site's weight and bias, read when asked for."""
    mask: Tensor | None
    """`(rows, tokens)`, True at real tokens; None where all are."""
    training: bool
    residual: Tensor | None = None
    """At blocks, what the output is added to, `(rows, tokens, width)`, where that is not `input`: in front of the norm
    of a pre-norm trunk."""

    @property
    def stream(self) -> Tensor:
        """At blocks, what the output is added to, `(rows, tokens, width)`, in every trunk."""
        return self.input if self.residual is None else self.residual


class Adapter(ABC):
    """An adapter variant: parts and pure functions of them."""

    kinds: Sequence[str] = ("block",)
    """Kinds of sites it can stand on."""
    grouped = False
    """Whether it is written with `multigraft.ops`: then it is called once for all owners, and a part of several owners
    is a `Grouped`. Otherwise it is called once an owner, with plain tensors."""

    @abstractmethod
    def parts(self, site: Site) -> Sequence[Part]:
        """The parts it wants at a site."""

    def prepared(self, site: Site, parts: Mapping[str, Operand]) -> Mapping[str, Operand]:
        """What `before` and `after` are given, made of the parts once a batch: a product of factors, say."""
        return parts

    def before(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """What the projection or norm reads instead, `(rows, tokens, width_in)`; never asked at blocks."""
        return call.input

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """The new output of the site, `(rows, tokens, width_out)`."""
        return call.output

    def delta(self, site: Site, parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor] | None:
        """Factors `(width_out, rank)`, `(rank, width_in)` whose product is all that it adds to a projection's weight;
        None where it does anything else, such as what depends on the weight. `parts` are prepared.

        Deltas of several adapters can be weighted and added up (Ilharco et al. 2023, equation 1).
        """
        return None

    def merged(
        self, site: Site, weight: Tensor, bias: Tensor | None, parts: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor | None] | None:
        """Weight `(width_out, width_in)` and bias of the projection that acts as it does with this adapter; None where
        there is no such projection, and the weight with `delta` where there is one. `parts` are prepared."""
        factors = self.delta(site, parts)
        return None if factors is None else (weight + factors[0] @ factors[1], bias)

    def unused(self, sites: Sequence[Site]) -> Sequence[str]:
        """Texts of its options that change nothing at these sites, those that it was given. Refused by `check`."""
        return ()


class Prefix(ABC):
    """Keys and values in front of what attention reads; it stands on sites of kind `attention`."""

    @abstractmethod
    def parts(self, site: Site) -> Sequence[Part]:
        """The parts it wants at an attention."""

    @abstractmethod
    def memory(self, site: Site, parts: Mapping[str, Tensor]) -> KeyValues:
        """One row of keys and values, `(1, site.memory_heads, tokens, site.head_width)`, of one owner; asked once a
        batch and owner."""

    def unused(self, sites: Sequence[Site]) -> Sequence[str]:
        """Texts of its options that change nothing at these sites, those that it was given. Refused by `check`."""
        return ()
