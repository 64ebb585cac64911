"""Adapter: an adapter variant declares its parts for a site and applies them as a pure function.

A component's `build(options) -> Adapter`; its options subclass `AdapterOptions`. An adapter stores nothing. Which
tensor stands behind a part is the sharing rule's choice, and the engine calls `apply` once for each run of samples that
have the same owners, so `apply` only ever sees plain tensors.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from multigraft.core.types.part import Part
from multigraft.core.types.site import Site


@dataclass(frozen=True)
class SiteCall:
    """What happens at a site, for rows that share all owners."""

    site: Site
    input: Tensor
    """What went into the block or projection: `(rows, tokens, width_in)`."""
    output: Tensor
    """What came out of it (and out of adapters placed before this one): `(rows, tokens, width_out)`."""
    weight: Tensor | None
    """The site's own weight in use, `(width_out, width_in)` at projections and `(width,)` at normalisations: that of an
    overlay where the graft trains it, else the frozen one. None at blocks."""
    bias: Tensor | None
    """The site's own bias in use, `(width_out,)`; None where it has none."""
    training: bool


class Adapter(ABC):
    """An adapter variant: parts and a pure function of them."""

    kinds: Sequence[str] = ("block",)
    """Kinds of sites it can stand on."""

    @abstractmethod
    def parts(self, site: Site) -> Sequence[Part]:
        """The parts it wants at a site."""

    @abstractmethod
    def apply(self, call: SiteCall, parts: Mapping[str, Tensor]) -> Tensor:
        """The new output of the site, `(rows, tokens, width_out)`."""
