"""Which sites a recipe means."""

from collections.abc import Iterable, Mapping, Sequence

from multigraft.core.types.site import Site


def select(sites: Iterable[Site], wanted: Mapping[str, Sequence[str | int]]) -> list[Site]:
    """The sites whose fields have one of the values listed for them (`{"block": ["feed-forward"]}`)."""
    return [site for site in sites if all(getattr(site, field) in values for field, values in wanted.items())]
