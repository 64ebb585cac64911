"""An encoder that is trained in place: its gradients, with adapters in it too, what is counted and what refused."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.model.merging import merge
from multigraft.core.model.summary import summarize_model
from multigraft.core.recipe.loading import load_recipe

CONVOLUTIONS = {"kind": "timm", "model": "test_efficientnet", "weights": "random", "size": 64}
VIT = {"kind": "timm", "model": "test_vit", "weights": "random", "size": 64}
AUDIO = {
    "kind": "audio-transformer", "weights": "random", "width": 12, "layers": 2, "heads": 2, "feed_forward": 16,
    "bands": 8,
}  # fmt: skip
PROMPT = {"kind": "linear", "tokens": 4, "frame_tokens": 1, "frames": 4}
HEARING = {"kind": "linear", "modality": "audio", "tokens": 5, "boxes": "none"}
TEXT = {"kind": "bottleneck", "width": 4}
VISION = {"kind": "bottleneck", "name": "vision", "width": 4, "sites": {"stack": ["vision"]}}


@pytest.fixture
def make(tiny, tiny_model):
    """A model whose encoder is trained."""

    def make(*adapters, encoder=VIT, **sections):
        trunk = {"encoder": encoder, "backbone": tiny.T5, "prompt": PROMPT}
        graft = {"adapters": list(adapters or [TEXT]), "sharing": "per-task", "train": {"encoder": True}}
        return tiny_model(trunk=trunk, graft=graft, **sections)

    return make


def gradients(model, batch):
    """The tasks' losses, and the gradient of their sum for each trained tensor."""
    with model.computing(torch.device("cpu")):
        losses = model.losses(batch, training=True)
    total = torch.stack([loss.sum for (loss,) in losses.values()]).sum()
    trained = model.graft.bank.trained()
    found = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    return {task: loss.sum.item() for task, (loss,) in losses.items()}, dict(zip(trained, found, strict=True))


@pytest.mark.parametrize("encoder", [CONVOLUTIONS, VIT], ids=["efficientnet", "vit"])
def test_gradients_are_those_of_torch_through_the_encoder_by_itself(encoder, make, samples, batch_of):
    """The loss of stored tokens has a gradient for the tokens, which torch takes through the encoder alone."""
    model = make(encoder=encoder)
    batch, own = batch_of(model, samples), model.encoders["visual"]
    _, found = gradients(model, batch)
    tokens = [own(items.arrays, NoGraft()) for items in batch.media]
    leaves = [each.detach().requires_grad_() for each in tokens]
    stored = [replace(items, arrays=None, features=each) for items, each in zip(batch.media, leaves, strict=True)]
    losses = model.losses(replace(batch, media=tuple(stored)), training=True)
    torch.stack([loss.sum for (loss,) in losses.values()]).sum().backward()
    torch.autograd.backward(tokens, [each.grad for each in leaves])
    names = {f"encoder.{name}": parameter.grad for name, parameter in own.named_parameters()}
    trained = {key.part: gradient for key, gradient in found.items() if key.owner.site_scope == "encoder"}
    assert len(batch.media) == 2
    assert trained.keys() == names.keys()
    for name, gradient in trained.items():
        assert gradient.any(), name
        assert_close(gradient, names[name], atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("adapters", [[TEXT], [VISION]], ids=["plain", "adapters inside"])
def test_a_mixed_batch_is_as_each_task_alone(adapters, make, tiny, samples, batch_of):
    model = make(*adapters)
    rows = [*samples, replace(samples[4], media=())]
    losses, mixed = gradients(model, batch_of(model, rows))
    apart = [gradients(model, batch_of(model, [each for each in rows if each.task == task])) for task in tiny.TASKS]
    for task, (own, _) in zip(tiny.TASKS, apart, strict=True):
        assert own[task] == pytest.approx(losses[task], rel=1e-6, abs=1e-5)
    for key, gradient in mixed.items():
        present = [own[key] for _, own in apart if own[key] is not None]
        assert_close(gradient, torch.stack(present).sum(0), atol=2e-5, rtol=1e-3, msg=key.text)


def test_a_batch_without_media_leaves_the_encoder_alone(make, samples, batch_of):
    model = make()
    _, found = gradients(model, batch_of(model, [replace(each, media=()) for each in samples]))
    given = {key.owner.site_scope for key, gradient in found.items() if gradient is not None}
    assert given
    assert "encoder" not in given


@pytest.mark.parametrize("adapters", [[TEXT], [TEXT, VISION]], ids=["plain", "adapters inside"])
def test_checkpointing_gives_the_same_gradients_and_keeps_less(adapters, make, samples, batch_of):
    def kept(model, batch):
        sizes = {}

        def keep(tensor):
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            losses = model.losses(batch, training=True)
        assert len(losses) == 4
        return sum(sizes.values())

    plain, again = make(*adapters), make(*adapters, train={"checkpointing": True})
    batch = batch_of(plain, samples)
    losses, whole = gradients(plain, batch)
    recomputed, found = gradients(again, batch)
    assert recomputed == pytest.approx(losses, rel=1e-5)
    for key, gradient in whole.items():
        assert_close(found[key], gradient, atol=1e-5, rtol=1e-4, msg=key.text)
    assert kept(again, batch) < kept(plain, batch) - 6 * 15 * 17 * 64


def test_a_precision_of_16_bits_gives_nearly_the_same_gradients(make, samples, batch_of):
    exact, rough = make(), make(train={"precision": "bf16"})
    batch = batch_of(exact, samples)
    (_, whole), (_, found) = gradients(exact, batch), gradients(rough, batch)
    for key, gradient in whole.items():
        if key.owner.site_scope == "encoder" and gradient.norm() > 0.1:
            assert found[key].dtype == torch.float32
            assert torch.nn.functional.cosine_similarity(found[key].flatten(), gradient.flatten(), 0) > 0.9, key.text


def test_batch_norms_that_are_not_folded_learn_and_keep_their_statistics(make, samples, batch_of):
    """Those of RepVGG's branches without a convolution."""
    model = make(encoder={**CONVOLUTIONS, "model": "repvgg_a0"})
    encoder = model.encoders["visual"].train()
    norms = [each for each in encoder.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    before = [value.clone() for value in encoder.buffers()]
    _, found = gradients(model, batch_of(model, samples[:2]))
    assert len(norms) == 17
    assert all(torch.equal(value, old) for value, old in zip(encoder.buffers(), before, strict=True))
    gains, trained = {id(norm.weight) for norm in norms}, model.graft.bank.trained()
    assert [bool(found[key].any()) for key in trained if id(trained[key]) in gains] == [True] * 17


def test_merging_leaves_the_trained_encoder_as_it_is(make):
    model = make({"kind": "lora", "rank": 2})
    before = {name: value.clone() for name, value in model.encoders["visual"].state_dict().items()}
    merged = merge(model.backbone, model.graft, "vqa")
    assert all(torch.equal(value, before[name]) for name, value in model.encoders["visual"].state_dict().items())
    merged.restore()
    inside = make({"kind": "lora", "rank": 2, "sites": {"stack": ["vision"]}})
    with pytest.raises(MultigraftError, match=r"the backbone has no projection vision\.0"):
        merge(inside.backbone, inside.graft, "vqa")


def counted(registry, recipe_file, *overrides):
    return summarize_model(load_recipe(recipe_file, overrides, registry), registry)


def test_numbers_of_a_trained_encoder_are_in_the_total(registry, recipe_file):
    frozen = counted(registry, recipe_file).parameters
    tuned = counted(registry, recipe_file, "graft.train.encoder=true").parameters
    size = frozen.total_with_encoder - frozen.total
    assert size > 10_000
    assert tuned.by_part == frozen.by_part | {"encoder": size}
    assert (tuned.total, tuned.total_with_encoder) == (frozen.total_with_encoder, frozen.total_with_encoder)
    assert tuned.trainable == frozen.trainable + size
    whole = counted(
        registry,
        recipe_file,
        "graft.adapters=[]",
        "graft.train={backbone: true, encoder: true}",
        "graft.sharing=single",
    ).parameters
    assert (whole.percent, whole.total) == (100.0, whole.total_with_encoder)
    assert {"backbone", "encoder"} < whole.by_part.keys()


def test_owners_and_memory_of_a_trained_encoder(registry, recipe_file):
    vit = "trunk.encoder.model=test_vit"
    frozen, tuned = (counted(registry, recipe_file, vit, *more) for more in ((), ("graft.train.encoder=true",)))
    (row,) = [row for row in tuned.owners if row.part == "encoder"]
    assert (row.owner, row.numbers) == ("shared", tuned.parameters.by_part["encoder"])
    tokens, images = 17, 2
    assert tuned.memory["activations"] - frozen.memory["activations"] == 68 * 8 * images * tokens * 64 * 6
    assert tuned.memory["graft"] - frozen.memory["graft"] == 16 * row.numbers
    assert frozen.memory["trunk"] - tuned.memory["trunk"] == 4 * row.numbers


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (True, {"encoder", "encoder.audio"}),
        (["audio"], {"encoder.audio"}),
        (["audio", "visual"], {"encoder", "encoder.audio"}),
    ],
)
def test_one_of_several_encoders_is_named_by_its_modality(said, wanted, tiny, tiny_model):
    trunk = {"encoders": {"visual": CONVOLUTIONS, "audio": AUDIO}, "backbone": tiny.T5, "prompt": [PROMPT, HEARING]}
    model = tiny_model(trunk=trunk, graft={"adapters": [TEXT], "train": {"encoder": said}})
    keys = {key.owner.site_scope for key in model.graft.bank.adopted}
    assert keys == wanted
    for modality, name in (("visual", "encoder"), ("audio", "encoder.audio")):
        assert {each.requires_grad for each in model.encoders[modality].parameters()} == {name in wanted}


def test_a_list_of_modalities_must_name_encoders(registry, recipe_file):
    with pytest.raises(OptionError, match="this trunk has no encoder of the modality 'audio'") as caught:
        counted(registry, recipe_file, "graft.train.encoder=[visual, audio]")
    assert caught.value.location == ("graft", "train", "encoder", 1)


def test_a_trunk_without_encoder_has_none_to_train(tiny, tiny_model):
    with pytest.raises(OptionError, match="this trunk has no encoder to train") as caught:
        tiny_model(trunk={"backbone": tiny.T5}, graft={"adapters": [TEXT], "train": {"encoder": True}})
    assert caught.value.location == ("graft", "train", "encoder")


def test_stored_features_are_refused(registry, recipe_file):
    with pytest.raises(OptionError, match="stored features are those of an encoder as it was loaded") as caught:
        counted(registry, recipe_file, "graft.train.encoder=true", "data.features=true")
    assert caught.value.location == ("data", "features")


def test_an_encoder_that_runs_without_gradient_is_told(make, samples, batch_of):
    model = make()
    encoder = model.encoders["visual"]
    encoder.trunk.forward = torch.no_grad()(encoder.trunk.forward)
    with pytest.raises(MultigraftError, match="the visual encoder gives tokens without gradient"):
        model.losses(batch_of(model, samples), training=True)
