"""Parts whose start value is made of their site's own weight."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.sharing import Sharing
from multigraft.core.types.initial import OfWeight, zeros
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site

WeightOf = Callable[[Site], Tensor]
"""The own weight of a site: `(width_out, width_in)` of a projection, `(width,)` of a norm."""
_WEIGHTED = ("projection", "norm")


def no_weight(site: Site) -> Tensor:
    """For grafts none of whose parts starts of a weight.

    Raises:
        MultigraftError: always.
    """
    raise MultigraftError(f"the weight of {site.name} is not at hand here")


def bound(place: str, part: Part, site: Site, sharing: Sharing, weight_of: WeightOf) -> Part:
    """The part with a start value that needs no site any more.

    Raises:
        MultigraftError: the site has no weight, or the part is one tensor over several sites.
    """
    if not isinstance(part.initial, OfWeight):
        return part
    if site.kind not in _WEIGHTED:
        raise MultigraftError(f"{place}: its {part.name} starts of a weight, and the {site.kind} {site.name} has none")
    if sharing.place(site, part) != site.name:
        raise MultigraftError(
            f"{place}: its {part.name} starts of the weight of its own site, and here it is one tensor over several; "
            "leave its `scope` as it is"
        )
    return replace(part, initial=part.initial.bound(partial(weight_of, site)))


def asked(part: Part) -> Part:
    """The part as a sharing rule is asked about it, before its site's weight is there."""
    return replace(part, initial=zeros) if isinstance(part.initial, OfWeight) else part


def refuse_generated(place: str, parts: Iterable[Part]) -> None:
    """Refuse a hypernetwork that would make these.

    Raises:
        MultigraftError: one of them starts of a weight.
    """
    for part in parts:
        if isinstance(part.initial, OfWeight):
            raise MultigraftError(
                f"{place}: its {part.name} starts of the weight of its own site, which a hypernetwork cannot start "
                "from; use `single`, `per-task`, `half-shared` or `groups`"
            )
