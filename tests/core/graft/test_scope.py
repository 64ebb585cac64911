"""A recipe's `scope` widens the place of a part; what fits nothing or is narrower is refused where it stands."""

import pytest

from multigraft.core.errors import OptionError
from multigraft.core.model.methods import method_errors
from multigraft.core.model.trunk import build_trunk

BLOCKS = {"encoder": 2, "decoder": 3}


def places(model, part):
    """The site scopes of a part's tensors."""
    return {key.owner.site_scope for key in model.graft.bank.entries if key.part == f"bottleneck.{part}"}


def test_parts_get_the_scope_of_the_last_pattern_that_fits(tiny_model):
    scope = {"down.*": "layer", "up.weight": "model", "down.bias": "stack"}
    model = tiny_model(graft={"adapters": [{"kind": "bottleneck", "width": 4, "scope": scope}]})
    assert places(model, "down.weight") == {f"{stack}.{layer}" for stack in BLOCKS for layer in range(2)}
    assert places(model, "down.bias") == set(BLOCKS)
    assert places(model, "up.weight") == {"model"}
    assert len(places(model, "up.bias")) == 2 * (2 + 3)


def test_a_part_of_a_wider_scope_is_stored_where_a_hypernetwork_makes_the_others(tiny, tiny_model):
    adapter = {"kind": "compacter", "shared_rule": True, "width": 4}
    model = tiny_model(graft={"adapters": [adapter], "sharing": tiny.SHARING["hypernetwork"]})
    stored = {key.part for key in model.graft.bank.entries if key.part.startswith("compacter.")}
    assert stored == {"compacter.rule"}


def errors(recipe, registry):
    return list(method_errors(recipe, registry, build_trunk(recipe, registry, on_meta_device=True), 0))


@pytest.mark.parametrize(
    ("adapter", "place", "text"),
    [
        ({"kind": "bottleneck", "scope": {"up.wieght": "model"}}, "up.wieght", "did you mean 'up.weight'?"),
        (
            {"kind": "compacter", "shared_rule": True, "scope": {"rule": "layer"}}, "rule",
            "'layer' is narrower than the scope 'model' of rule",
        ),
    ],
)  # fmt: skip
def test_refused_in_its_place(adapter, place, text, registry, tiny_recipe):
    [error] = errors(tiny_recipe(graft={"adapters": [adapter]}), registry)
    assert isinstance(error, OptionError)
    assert error.location == ("graft", "adapters", 0, "scope", place)
    assert text in str(error)


def test_what_an_adapter_refuses_at_its_sites_is_a_problem_of_the_recipe(registry, tiny_recipe):
    adapter = {"kind": "compacter", "width": 4, "hypercomplex_division": 3}
    [error] = errors(tiny_recipe(graft={"adapters": [adapter]}), registry)
    assert error.location == ("graft", "adapters", 0, "hypercomplex_division")
    assert "3 does not divide the width of encoder.0.self-attention, 16" in str(error)
