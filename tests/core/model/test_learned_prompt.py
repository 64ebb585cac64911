"""Prompt tuning: trained tokens in front of every text, without any media, as if they were words put there by hand."""

from dataclasses import replace

import pytest
import torch
from torch.func import functional_call

from multigraft.core.options.options import Decoding
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError

LEARNED = {"kind": "learned", "tokens": 3}


@pytest.fixture
def model_of(tiny, tiny_model):
    """A text-only model that trains a prompt alone."""

    def make(family, prompt=LEARNED, **sections):
        own = getattr(tiny, family)
        trunk = {"backbone": own, "prompt": prompt, "encoder": None}
        return tiny_model(backbone=own, trunk=trunk, graft={}, **sections)

    return make


@pytest.fixture
def texts(samples):
    """The samples without their media."""
    return [replace(sample, media=()) for sample in samples]


def tokens_of(model, task):
    prompt = model.prompts[0].module
    return functional_call(prompt.module, prompt.values(model.graft.bank, task), (None, None)).states


def by_hand(model, family, ids, prompt):
    """Last states of transformers' own stack over embedded prompt and words of one row."""
    inner, count = model.backbone.model, prompt.shape[1]
    if family == "T5":
        return inner.encoder(inputs_embeds=torch.cat([prompt, inner.shared(ids)], 1)).last_hidden_state[:, count:]
    if family == "DECODER":
        words = inner.model.embed_tokens(ids)
        return inner.model(inputs_embeds=torch.cat([prompt, words], 1)).last_hidden_state[:, count:]
    if family == "GPT2":
        words = inner.transformer.wte(ids)
        return inner.transformer(inputs_embeds=torch.cat([prompt, words], 1)).last_hidden_state[:, count:]
    encoder = inner.model.encoder
    words = encoder.layernorm_embedding(encoder.embed_tokens(ids) + encoder.embed_positions(ids))
    x = torch.cat([encoder.layernorm_embedding(prompt), words], 1)
    for layer in encoder.layers:
        x = layer(x, attention_mask=None)
    return x[:, count:]


@pytest.mark.parametrize("family", ["T5", "BART", "DECODER", "GPT2"])
@pytest.mark.parametrize("hidden", [None, 5])
def test_it_stands_in_front_of_the_words(family, hidden, model_of, texts, batch_of):
    model = model_of(family, {**LEARNED, "hidden": hidden, "sharing": "per-task"})
    for sample in texts:
        batch = batch_of(model, [sample])
        output = model.run(batch, training=False)[sample.task]
        stack = "encoder" if family in ("T5", "BART") else "decoder"
        expected = by_hand(model, family, batch.texts["text"].ids, tokens_of(model, sample.task))
        states = output.states(stack).states[:, 3:]
        torch.testing.assert_close(states[:, : expected.shape[1]], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("place", ["front", "back"])
@pytest.mark.parametrize("family", ["T5", "BART", "DECODER", "GPT2"])
@pytest.mark.parametrize("beams", [1, 3])
def test_each_task_has_its_own_in_a_mixed_batch(family, beams, place, model_of, texts, batch_of):
    model = model_of(family, {**LEARNED, "sharing": "per-task", "place": place})
    decoding = Decoding(beams=beams, max_tokens=6)

    def outputs(some):
        return [text for own in model.run(batch_of(model, some), False).values() for text in own.generate(decoding)]

    assert outputs(texts) == [text for sample in texts for text in outputs([sample])]


@pytest.mark.parametrize("place", ["front", "back"])
@pytest.mark.parametrize("family", ["T5", "BART", "DECODER", "GPT2"])
def test_a_row_does_not_feel_the_length_of_others(family, place, model_of, texts, batch_of):
    model = model_of(family, {**LEARNED, "place": place})
    row = texts[0]
    batch = batch_of(model, texts)
    number = next(n for n, sample in enumerate(batch.samples) if sample.annotation.id == row.annotation.id)
    own = batch_of(model, [row])
    count = own.texts["target"].ids.shape[1]
    beside = model.run(batch, False)[row.task].hidden()[number - batch.segments[0].start, :count]
    torch.testing.assert_close(beside, model.run(own, False)[row.task].hidden()[0], rtol=1e-5, atol=1e-5)


def test_only_the_prompts_of_tasks_that_are_there_have_a_gradient(model_of, texts, batch_of):
    model = model_of("T5", {**LEARNED, "sharing": "per-task"})
    some = [sample for sample in texts if sample.task in ("vqa", "captions")]
    torch.stack([loss.sum for (loss,) in model.losses(batch_of(model, some), training=True).values()]).sum().backward()
    moved = {key.owner.task_scope for key, value in model.graft.bank.trained().items() if value.grad is not None}
    assert moved == {"task:vqa", "task:captions"}
    assert len(model.graft.bank.trained()) == 4


def test_it_stands_beside_a_visual_prompt(tiny_recipe, tiny_model, samples, batch_of):
    trunk = tiny_recipe().model_dump()["trunk"]
    one, both = (tiny_model(trunk={**trunk, "prompt": own}) for own in (trunk["prompt"], [trunk["prompt"], LEARNED]))
    batch = batch_of(one, samples)
    tokens = [model.run(batch, training=False)["vqa"].states("encoder").states.shape[1] for model in (one, both)]
    assert tokens[1] == tokens[0] + 3
    assert both.most_prompt_tokens("vqa") == one.most_prompt_tokens("vqa") + 3


def test_a_recipe_trains_it_without_media_saves_and_scores(train, tmp_path):
    results = train(
        tmp_path / "run", "trunk.encoder=null", "trunk.prompt={kind: learned, tokens: 4}", "graft.adapters=[]",
        "graft.sharing=single", "graft.train.norms=false",
    )  # fmt: skip
    assert results["parameters"]["trainable"] == 4 * 16
    assert set(results["tasks"]) == {"vqa", "statements", "captions", "videos"}


@pytest.mark.parametrize("override", ["trunk.prompt=null", "trunk.prompt={kind: learned, tokens: 4}"])
def test_an_encoder_whose_media_nothing_reads_is_refused(override, recipe_file, registry):
    with pytest.raises(RecipeError, match="an encoder needs a prompt generator that reads media"):
        load_recipe(recipe_file, [override], registry)
