"""Recipes as text, and as a JSON schema."""

from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.writing import dump_recipe, write_template


def test_a_dumped_recipe_loads_again_to_an_equal_one(load, registry):
    recipe = load_recipe("starter", ["tasks.vqa.prefix='1e3'", "train.optimizer.rate=1e-9"], registry)
    text = dump_recipe(recipe)
    assert load(text) == recipe
    assert "rate: 1.0e-09" in text


def test_the_template_is_valid_and_says_what_each_key_is(load, registry):
    recipe = load_recipe("starter", (), registry)
    text = write_template(recipe, registry)
    assert load(text) == recipe
    assert (
        "  # Optimizer steps; those of all stages together where there are any. [whole number, >= 1]\n  steps: 1000\n"
        in text
    )
    assert (
        "  # How the tasks share the batch. [kind: equal, one-task, proportional, round-robin, schedule, temperature,\n"
        "  # weights]\n" in text
    )
    assert (
        "    # How the rate falls after the warm-up. [one of linear, cosine, constant]\n    schedule: linear\n" in text
    )


def test_the_json_schema_lists_options_of_components():
    adapter = Recipe.model_json_schema()["$defs"]["GraftSection"]["properties"]["adapters"]["items"]
    names, bottleneck, *others = adapter["anyOf"]
    assert names == {"enum": ["bottleneck", *(other["properties"]["kind"]["enum"][0] for other in others)]}
    assert bottleneck["properties"]["kind"]["enum"] == ["bottleneck", "multigraft/bottleneck"]
    assert bottleneck["allOf"][0]["properties"]["reduction"]["description"].startswith("Width of what is read")
