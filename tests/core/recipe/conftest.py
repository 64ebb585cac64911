"""Recipes that tests write and load."""

import pytest

from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError

GOOD = """\
trunk:
  backbone: sapling
tasks:
  vqa: {kind: visual-question-answering, data: [a.tar]}
"""


@pytest.fixture
def good():
    """Text of a small recipe that is well."""
    return GOOD


@pytest.fixture
def load(tmp_path, registry):
    """Load a recipe from its text."""

    def from_text(text, *overrides):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return load_recipe(path, overrides, registry)

    return from_text


@pytest.fixture
def problems(load):
    """The problems of a recipe, given its text."""

    def from_text(text, *overrides):
        with pytest.raises(RecipeError) as caught:
            load(text, *overrides)
        return caught.value.problems

    return from_text
