"""A graft inside the visual encoder, in a whole model: the pictures of a row go through the adapters of its task."""

import shutil
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.model.summary import summarize_model
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.training import session
from multigraft.core.training.graft_acts import check_graft_acts

VIT = {"kind": "timm", "model": "test_vit", "weights": "random", "size": 64}
PROMPT = {"kind": "linear", "tokens": 4, "frame_tokens": 1, "frames": 4}
VISION = {"kind": "bottleneck", "width": 4, "sites": {"stack": ["vision"]}}
OVERRIDES = (
    "trunk.encoder.model=test_vit",
    "graft.adapters=[{kind: bottleneck, width: 4, sites: {stack: [vision, encoder, decoder]}}]",
)


@pytest.fixture
def make(tiny, tiny_model):
    """A model whose encoder is a tiny vision transformer."""

    def make(*adapters, sharing="per-task", **sections):
        trunk = {"encoder": VIT, "backbone": tiny.T5, "prompt": PROMPT}
        graft = {"adapters": list(adapters or [VISION]), "sharing": sharing}
        return tiny_model(trunk=trunk, graft=graft, **sections)

    return make


def inside(model):
    """Trained tensors of the encoder's sites."""
    return {
        key: value for key, value in model.graft.bank.trained().items() if key.owner.site_scope.startswith("vision.")
    }


def gradients(model, batch):
    losses = model.losses(batch, training=True)
    total = torch.stack([loss.sum for (loss,) in losses.values()]).sum()
    trained = model.graft.bank.trained()
    found = dict(zip(trained, torch.autograd.grad(total, list(trained.values()), allow_unused=True), strict=True))
    return {task: loss.sum.item() for task, (loss,) in losses.items()}, found


@pytest.mark.parametrize("sharing", ["single", "per-task", "half-shared", "hypernetwork"])
def test_a_mixed_batch_is_as_each_task_alone(make, sharing, tiny, samples, batch_of):
    """One picture, two pictures and videos a row, and rows without any, in one batch."""
    model = make(sharing=tiny.SHARING[sharing])
    rows = [*samples, replace(samples[4], media=())]
    losses, mixed = gradients(model, batch_of(model, rows))
    apart = [gradients(model, batch_of(model, [each for each in rows if each.task == task])) for task in tiny.TASKS]
    for task, (own, _) in zip(tiny.TASKS, apart, strict=True):
        assert own[task] == pytest.approx(losses[task], rel=1e-6, abs=1e-5)
    for key, gradient in mixed.items():
        present = [own[key] for _, own in apart if own[key] is not None]
        assert_close(gradient, torch.stack(present).sum(0), atol=2e-5, rtol=1e-3, msg=key.text)


def test_each_task_moves_its_own_adapters_alone(make, samples, batch_of):
    model = make()
    _, found = gradients(model, batch_of(model, [each for each in samples if each.task in ("vqa", "videos")]))
    for key in inside(model):
        present = key.owner.task_scope in ("task:vqa", "task:videos")
        assert (found[key] is not None and bool(found[key].any())) == present, key.text


def test_a_task_whose_rows_have_no_media_gets_no_gradient_inside(make, samples, batch_of):
    model = make(VISION, {"kind": "bottleneck", "name": "text", "width": 4, "sites": {"stack": ["encoder"]}})
    _, found = gradients(model, batch_of(model, [replace(samples[0], media=()), *samples[2:4]]))
    own = {key: found[key] for key in model.graft.bank.trained() if key.owner.task_scope == "task:vqa"}
    assert {key.owner.site_scope.split(".")[0]: value is not None for key, value in own.items()} == {
        "vision": False, "encoder": True,
    }  # fmt: skip


def test_checkpointing_gives_the_same_gradients(make, tiny, samples, batch_of):
    plain, again = make(), make(train={"checkpointing": True})
    assert (plain.encoders["visual"].checkpointing, again.encoders["visual"].checkpointing) == (False, True)
    losses, kept = gradients(plain, batch_of(plain, samples))
    recomputed, found = gradients(again, batch_of(again, samples))
    assert losses == recomputed
    for key, gradient in kept.items():
        assert_close(found[key], gradient, msg=key.text)


def test_adapters_act_in_the_encoder_only_where_its_stack_is_named(make):
    def stacks(sites):
        model = make({"kind": "bottleneck", "width": 4, "sites": sites})
        return sorted({attachment.site.stack for attachment in model.graft.attachments()})

    assert stacks({}) == ["decoder", "encoder"]
    assert stacks({"layer": [0]}) == ["decoder", "encoder"]
    assert stacks({"stack": ["vision"], "layer": [5]}) == ["vision"]
    assert stacks({"stack": ["vision", "decoder"]}) == ["decoder", "vision"]


def test_an_encoder_without_sites_is_no_place_for_adapters(tiny_model):
    with pytest.raises(OptionError, match="no site of this adapter has the stack 'vision'"):
        tiny_model(graft={"adapters": [VISION]})


def test_parameters_inside_the_encoder_are_counted_and_shown(registry, recipe_file):
    plain = summarize_model(load_recipe(recipe_file, OVERRIDES[:1], registry), registry)
    whole = summarize_model(load_recipe(recipe_file, (*OVERRIDES, "graft.sharing=single"), registry), registry)
    without = summarize_model(load_recipe(recipe_file, (OVERRIDES[0], "graft.sharing=single"), registry), registry)
    assert whole.parameters.trainable - without.parameters.trainable == 12 * (2 * 64 * 4 + 4 + 64)
    rows = {(row.stack, row.place): row.shown_layers for row in whole.sites}
    assert rows[("vision", "self-attention")] == rows[("vision", "feed-forward")] == "0-5"
    assert all(row.stack != "vision" for row in plain.sites)
    tokens, images = 17, 2
    assert whole.memory["activations"] - plain.memory["activations"] == 68 * 8 * images * tokens * 64 * 6


def test_stored_features_are_refused(registry, recipe_file):
    recipe = load_recipe(recipe_file, (*OVERRIDES, "data.features=true"), registry)
    with pytest.raises(OptionError, match="stored features are those of an encoder without adapters") as caught:
        summarize_model(recipe, registry)
    assert caught.value.location == ("data", "features")
    summarize_model(load_recipe(recipe_file, (OVERRIDES[0], "data.features=true"), registry), registry)


def test_that_a_graft_acts_is_seen_inside_the_encoder_too(make, samples, batch_of):
    model = make()
    check_graft_acts(model, batch_of(model, samples))
    check_graft_acts(model, batch_of(model, [replace(each, media=()) for each in samples]))
    for value in inside(model).values():
        value.data.zero_()
    with pytest.raises(MultigraftError, match="the graft's adapters change no output"):
        check_graft_acts(model, batch_of(model, samples))


def test_sites_of_an_encoder_that_does_not_call_them_are_named(make, samples, batch_of, monkeypatch):
    model = make()
    monkeypatch.setattr(
        model.encoders["visual"].stack.layers[5], "forward", lambda x, shared, cache, intercept: (x, cache)
    )
    with pytest.raises(MultigraftError, match=r"never called the sites vision\.5\.feed-forward, vision\.5\.self-att"):
        check_graft_acts(model, batch_of(model, samples))


def test_a_run_trains_saves_resumes_and_scores(train, registry, tmp_path):
    straight = train(tmp_path / "straight", *OVERRIDES, "train.steps=4", "train.checkpoint_every=2")
    train(tmp_path / "half", *OVERRIDES, "train.steps=4", "train.checkpoint_every=2")
    shutil.rmtree(tmp_path / "half" / "checkpoints" / "00000004")
    recipe = load_recipe(tmp_path / "half" / "recipe.yaml", (), registry)
    resumed = session.train(recipe, registry, tmp_path / "half", resume=True)
    assert straight["tasks"].keys() == {"vqa", "statements", "captions", "videos"}
    assert resumed["tasks"] == straight["tasks"]
    last = "checkpoints/00000004/graft"
    files = [path.relative_to(tmp_path / "straight") for path in (tmp_path / "straight" / last).rglob("*.safetensors")]
    assert files
    for file in files:
        assert (tmp_path / "straight" / file).read_bytes() == (tmp_path / "half" / file).read_bytes()
    assert "vision.0.self-attention" in (tmp_path / "straight" / last / "graft.json").read_text()
