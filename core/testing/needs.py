"""Whether what an objective or an evaluator needs is something that there is."""

from collections.abc import Collection, Iterator
from typing import get_args, get_type_hints

from multigraft.core.types.need import Need, View


def wrong_needs(needs: Collection[Need]) -> Iterator[str]:
    """Needs that name nothing."""
    known, values = (get_args(get_type_hints(of)[name]) for of, name in ((Need, "what"), (View, "values")))
    for need in needs:
        if not isinstance(need, Need) or not isinstance(need.view, View):
            yield f"its `needs` hold {need!r}, no Need of a View"
        elif need.what not in known or need.view.values not in values:
            yield f"its `needs` hold {need}; what is one of {', '.join(known)}, and values of {', '.join(values)}"
