"""Selections of sites as a recipe says them."""

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.select import covering, select
from multigraft.core.types.site import Site


def site(stack, layer, block, inner):
    return Site(stack, layer, block, "projection", inner, 8, 8, f"{stack}.{layer}.{block}.{inner}")


SITES = [
    site(stack, layer, block, inner)
    for stack, blocks in {"encoder": ("self",), "decoder": ("self", "cross")}.items()
    for layer in range(3)
    for block in blocks
    for inner in ("query", "value")
]
OUTSIDE = [site("decoder", None, None, "query"), site("vision", None, None, "head")]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (SITES, 1),
        ([s for s in SITES if s.inner == "query"], 1),
        ([s for s in SITES if s.stack == "encoder" or s.block == "cross"], 2),
        ([s for s in SITES if (s.inner == "query") == (s.layer == 1) and s.stack == "encoder"], 2),
        ([SITES[0], SITES[5], SITES[9], SITES[14]], 4),
        ([*SITES[:2], OUTSIDE[1]], 2),
    ],
)
def test_few_selections_mean_each_wanted_site_once(wanted, count):
    found = covering(wanted, [*SITES, *OUTSIDE])
    assert len(found) == count
    chosen = [s.name for selection in found for s in select([*SITES, *OUTSIDE], selection)]
    assert sorted(chosen) == sorted(s.name for s in wanted)


def test_a_site_that_no_selection_means_alone():
    with pytest.raises(MultigraftError, match=r"no `sites` of a recipe mean decoder\.query alone"):
        covering([OUTSIDE[0]], [*SITES, *OUTSIDE])
