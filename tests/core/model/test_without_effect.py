"""What a recipe says and the model could not heed is refused, at its place."""

import pytest

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.model.build import build_model
from multigraft.core.model.methods import build_method
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import load_registry


def test_a_prompt_for_another_stack_must_say_its_place(tiny_recipe, registry):
    trunk = tiny_recipe().model_dump()["trunk"]
    recipe = tiny_recipe(trunk={**trunk, "prompt": {**trunk["prompt"], "stack": "decoder"}})
    with pytest.raises(OptionError, match="whether the prompt stands in front of the tokens of the decoder or") as told:
        build_model(recipe, registry, build_trunk(recipe, registry))
    assert told.value.location == ("trunk", "prompt", 0, "place")


def test_a_hypernetwork_that_would_make_nothing(tiny_model):
    wide = {"kind": "bottleneck", "width": 4, "scope": {"*": "stack"}}
    with pytest.raises(MultigraftError, match="all of its parts are wider, so nothing would be made"):
        tiny_model(graft={"adapters": [wide], "sharing": "hypernetwork"})


@pytest.mark.parametrize("kind", ["head", "embedding", "attention"])
def test_an_adapter_where_none_is_asked(kind, tiny_recipe, plugin_file, adapter_plugin):
    name = f"at_{kind}"
    code = adapter_plugin(name).replace("origin =", f'kinds = ("block", "{kind}")\n            origin =')
    registry = load_registry([plugin_file(f"{name}.py", code)])
    graft = {**tiny_recipe().model_dump()["graft"], "adapters": ["scaled"]}
    recipe = Recipe.model_validate(tiny_recipe().model_dump() | {"graft": graft}, context={"registry": registry})
    with pytest.raises(OptionError, match=f"names the kind of site '{kind}'; adapters act at blocks, projections and"):
        build_method(recipe, registry, build_trunk(recipe, registry), 0)
