"""`data.features`: true, or the form in which tokens are stored."""

import pytest
import yaml

from multigraft.core.recipe.features_section import FeaturesSection
from multigraft.core.recipe.writing import dump_recipe


def test_true_is_bfloat16_as_it_comes_and_stays_true(load, good):
    recipe = load(good + "data: {features: true}\n")
    assert recipe.data.feature_form == FeaturesSection(store="bf16", pool="none")
    assert yaml.safe_load(dump_recipe(recipe))["data"]["features"] is True
    assert load(good).data.feature_form is None


def test_a_form_is_written_back(load, good):
    recipe = load(good + "data: {features: {store: int8, pool: {visual: grid-7x7, audio: mean}}}\n")
    assert load(dump_recipe(recipe)) == recipe
    form = recipe.data.feature_form
    assert [form.pool_of(each) for each in ("visual", "audio", "touch")] == ["grid-7x7", "mean", "none"]


@pytest.mark.parametrize(
    ("written", "path", "message", "hint"),
    [
        ("maybe", "features", "expected true or false, got 'maybe'", "Run the frozen encoders once"),
        ("{pol: mean}", "features.pol", "unknown key 'pol'", "did you mean 'pool'"),
        ("{store: int4}", "features.store", "'int4' is not one of 'bf16' or 'int8'", ""),
        ("{pool: grid-0x2}", "features.pool", "'grid-0x2' is none of `none`, `mean`", ""),
        ("{pool: {visual: max}}", "features.pool", "'max' is none of `none`, `mean`", ""),
        ("{pool: 3}", "features.pool", "expected text, got 3", ""),
    ],
)
def test_what_is_wrong_is_told_once(problems, good, written, path, message, hint):
    (told,) = problems(good + f"data: {{features: {written}}}\n")
    assert (told.path, told.line) == (f"data.{path}", 5)
    assert told.message.startswith(message)
    assert hint in told.hint


def test_a_wrong_key_of_a_selection_is_told_once(problems, good):
    (told,) = problems(good + "graft: {train: {norms: {stak: [encoder]}}}\n")
    assert (told.path, told.hint.split("?")[0]) == ("graft.train.norms.stak", "did you mean 'stack'")
