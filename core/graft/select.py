"""Which sites a recipe means."""

from collections.abc import Iterable, Mapping, Sequence

from multigraft.core.errors import MultigraftError
from multigraft.core.types.site import Site


def select(sites: Iterable[Site], wanted: Mapping[str, Sequence[str | int]]) -> list[Site]:
    """The sites whose fields have one of the values listed for them (`{"block": ["feed-forward"]}`)."""
    return [site for site in sites if all(getattr(site, field) in values for field, values in wanted.items())]


def covering(wanted: Sequence[Site], sites: Sequence[Site]) -> list[dict[str, list[str | int]]]:
    """Selections, few of them, that together mean each of the wanted sites once and none of the others.

    Raises:
        MultigraftError: one of them cannot be told from another site by the fields of a selection.
    """
    fields = {field: _values(wanted, field) for field in _FIELDS}
    selection = {field: values for field, values in fields.items() if values}
    if {site.name for site in select(sites, selection)} == {site.name for site in wanted}:
        return [selection]
    for field in _FIELDS:
        parts = [[site for site in wanted if getattr(site, field) == value] for value in (*fields[field], None)]
        parts = [part for part in parts if part]
        if len(parts) > 1:
            return [each for part in parts for each in covering(part, sites)]
    raise MultigraftError(f"no `sites` of a recipe mean {wanted[0].name} alone")


_FIELDS = ("stack", "block", "inner", "layer")


def _values(sites: Sequence[Site], field: str) -> list[str | int]:
    return list(dict.fromkeys(value for site in sites if (value := getattr(site, field)) is not None))
