"""`trunk.encoders`: by modality, with `encoder` as short form, each with a prompt generator that reads it."""

import pytest
import yaml

from multigraft.core.recipe.components import components_of
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError
from multigraft.core.recipe.writing import dump_recipe, write_template

VISUAL = "{kind: timm, model: test_vit, weights: random}"
AUDIO = "{kind: audio-transformer, weights: random, width: 16}"
HEARING = "{kind: linear, modality: audio}"


@pytest.fixture
def load(tmp_path, registry):
    def run(trunk):
        path = tmp_path / "recipe.yaml"
        path.write_text(
            f"trunk: {{backbone: sapling, {trunk}}}\ntasks: {{captions: {{kind: image-captioning, data: [a.tar]}}}}\n"
        )
        return load_recipe(path, (), registry)

    return run


def problem(load, trunk):
    with pytest.raises(RecipeError) as caught:
        load(trunk)
    (found,) = caught.value.problems
    return found


@pytest.mark.parametrize(
    ("trunk", "modalities"),
    [
        (f"encoder: {VISUAL}, prompt: linear", {"visual": "timm"}),
        (f"encoders: {{visual: {VISUAL}}}, prompt: linear", {"visual": "timm"}),
        (f"encoders: {{audio: {AUDIO}}}, prompt: {HEARING}", {"audio": "audio-transformer"}),
        (
            f"encoder: {VISUAL}, encoders: {{audio: {AUDIO}}}, prompt: [linear, {HEARING}]",
            {"visual": "timm", "audio": "audio-transformer"},
        ),
        ("prompt: learned", {}),
    ],
)
def test_encoders_are_found_by_modality_and_written_as_they_were(load, registry, tmp_path, trunk, modalities):
    recipe = load(trunk)
    assert {name: options.kind for name, options in recipe.trunk.modalities.items()} == modalities
    written = yaml.safe_load(dump_recipe(recipe))["trunk"]
    assert (written["encoder"] is not None) == ("encoder:" in trunk)
    for text in (dump_recipe(recipe), write_template(recipe, registry)):
        (tmp_path / "again.yaml").write_text(text)
        assert load_recipe(tmp_path / "again.yaml", (), registry) == recipe


def test_components_are_of_the_kind_that_the_modality_says(load):
    recipe = load(f"encoders: {{visual: {VISUAL}, audio: {AUDIO}}}, prompt: [linear, {HEARING}]")
    found = {used.location: used.kind for used in components_of(recipe) if "encoders" in used.location}
    assert found == {
        ("trunk", "encoders", "visual"): "visual_encoders",
        ("trunk", "encoders", "audio"): "encoders",
    }


@pytest.mark.parametrize(
    ("trunk", "path", "message", "hint"),
    [
        (f"encoders: {{audio: {VISUAL}}}, prompt: {HEARING}", "trunk.encoders.audio.kind", "no encoder named 'timm'",
         "audio-transformer"),
        (f"encoders: {{visual: {AUDIO}}}, prompt: linear", "trunk.encoders.visual.kind",
         "no visual encoder named 'audio-transformer'", "timm"),
        (f"encoders: {{audio: {{kind: audio-transformer, weights: random, widht: 3}}}}, prompt: {HEARING}",
         "trunk.encoders.audio.widht", "unknown key 'widht'", "did you mean 'width'?"),
        (f"encoders: {{audio: {{kind: audio-transformer, weights: random, layers: x}}}}, prompt: {HEARING}",
         "trunk.encoders.audio.layers", "expected a whole number, got 'x'", "Layers of self-attention"),
        (f"encoders: {{'a b': {AUDIO}}}, prompt: linear", "trunk.encoders", "modality name 'a b'", ""),
        (f"encoder: {VISUAL}, encoders: {{visual: {VISUAL}}}, prompt: linear", "trunk",
         "`encoder` is short for `encoders.visual`", ""),
        (f"encoders: {{audio: {AUDIO}}}", "trunk", "an encoder needs a prompt generator that reads media", ""),
        (f"encoder: {VISUAL}, encoders: {{audio: {AUDIO}}}, prompt: linear", "trunk",
         "no prompt generator reads audio media: say `modality: audio` in one", ""),
        (f"encoder: {VISUAL}, prompt: [linear, {HEARING}]", "trunk",
         "a prompt generator says `modality: audio`, and there is no encoder `encoders.audio`", ""),
        (f"encoders: {{audio: {AUDIO}}}, prompt: [{HEARING}, {{kind: learned, modality: audio}}]", "trunk",
         "a prompt generator says `modality: audio`, and it reads no media", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(load, trunk, path, message, hint):
    found = problem(load, trunk)
    assert found.path == path
    assert found.message.startswith(message)
    assert hint in found.hint
