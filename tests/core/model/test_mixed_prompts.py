"""Prompts that pool or read the media: a mixed batch gives what each sample gives alone, wherever they join."""

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from multigraft.core.errors import OptionError

PROMPTS = {
    "pool": {"kind": "pool", "tokens": 3},
    "resampler": {"kind": "resampler", "tokens": 3, "heads": 2, "depth": 1},
    "resampler with text": {"kind": "resampler", "tokens": 3, "heads": 2, "text": True, "layer": 1},
    "dynamic": {"kind": "dynamic", "heads": 2},
    "dynamic before a layer": {"kind": "dynamic", "heads": 2, "layer": 1, "sharing": "per-task"},
    "dynamic, each token": {"kind": "dynamic", "heads": 2, "layer": 1, "query": "text"},
}
LABELS = {"vqa": ["a box", "red"], "statements": ["true", "false"]}


@pytest.fixture(params=["T5", "BART", "DECODER"])
def backbone(request, tiny):
    return getattr(tiny, request.param)


def trunk(backbone, prompt):
    encoder = {"kind": "timm", "model": "test_efficientnet", "weights": "random", "size": 64}
    return {"encoder": encoder, "backbone": backbone, "prompt": prompt}


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_mixed_batch_is_as_its_samples_alone(prompt, backbone, tiny_model, samples, mixed_as_alone):
    """Pictures, two pictures, videos, and a row without media."""
    model = tiny_model("per-task", trunk=trunk(backbone, PROMPTS[prompt]))
    rows = [*samples, replace(samples[-1], media=())]
    mixed_as_alone.trained(model, rows)
    mixed_as_alone.decoded(model, rows)


@pytest.mark.parametrize("layer", ["embedding", 0, 1])
def test_codes_of_modality_mark_the_rows_that_get_a_prompt(layer, tiny, tiny_model, samples, batch_of, mixed_as_alone):
    """Over BERT, whose tasks classify; a row without media is as it is without the prompt."""
    prompt = {"kind": "dynamic", "heads": 2, "layer": layer, "modality_codes": True, "sharing": "per-task"}
    tasks = {
        name: {**tiny.TASKS[name], "objective": {"kind": "classification", "labels": labels}, "evaluator": "classify"}
        for name, labels in LABELS.items()
    }
    model = tiny_model("per-task", trunk=trunk(tiny.BERT, prompt), tasks=tasks)
    own = [each for each in samples if each.task in LABELS]
    bare = replace(own[0], media=())
    mixed_as_alone.trained(model, [own[0], bare, *own[1:]])
    prompt_parts = {key: value for key, value in model.graft.bank.trained().items() if "modality" in key.part}
    assert [tuple(value.shape) for value in prompt_parts.values()] == [(2, model.backbone.width)] * 2

    def states(some):
        return model.run(batch_of(model, some), training=False)["vqa"].summary()

    before = states([bare, own[0]])
    with torch.no_grad():
        for value in prompt_parts.values():
            value[0] += 1.0
    after = states([bare, own[0]])
    torch.testing.assert_close(after[0], before[0])
    assert not torch.allclose(after[1], before[1], atol=1e-3)


def test_nothing_is_decoded_behind_marked_states(tiny, tiny_model):
    prompt = {"kind": "dynamic", "heads": 2, "modality_codes": True}
    with pytest.raises(OptionError, match="marks the states of the decoder, where the task 'vqa' decodes"):
        tiny_model(trunk=trunk(tiny.DECODER, prompt))


OWN = {
    "vqa": {"kind": "dynamic", "heads": 2, "layer": 1},
    "statements": [],
    "videos": [{"kind": "resampler", "tokens": 2, "heads": 2, "layer": 0}, {"kind": "learned", "tokens": 1}],
}
"""Prompts that tasks have in place of the trunk's; captions have that."""


def tasks_with(tiny, own):
    return {name: {**options, **({"prompt": own[name]} if name in own else {})} for name, options in tiny.TASKS.items()}


@pytest.mark.parametrize("family", ["T5", "BART", "DECODER", "GPT2", "QWEN3", "BERT_DECODER"])
def test_tasks_have_prompts_of_their_own_in_one_batch(family, tiny, tiny_model, samples, mixed_as_alone):
    """Other generators before other layers, none at all, and the trunk's."""
    model = tiny_model("per-task", getattr(tiny, family), tasks=tasks_with(tiny, OWN))
    assert list(model.graft.modules) == ["prompt", "prompt-vqa", "prompt-videos", "prompt-videos-1"]
    mixed_as_alone.trained(model, samples)
    mixed_as_alone.decoded(model, samples)


def test_rows_between_those_of_two_tasks_that_have_one_prompt(tiny, tiny_model, samples, mixed_as_alone):
    own = {"vqa": OWN["vqa"], "captions": OWN["vqa"], "statements": []}
    model = tiny_model("per-task", tasks=tasks_with(tiny, own))
    shared = {key.text for key in model.graft.keys_of("vqa") & model.graft.keys_of("captions")}
    assert {text for text in shared if "prompt-vqa.attention" in text} == {
        f"shared/prompt-vqa/prompt-vqa.attention.{name}.{kind}"
        for name in ("query", "key", "value", "output")
        for kind in ("weight", "bias")
    }
    mixed_as_alone.trained(model, samples)


def test_each_prompt_has_a_sharing_rule_of_its_own(tiny, tiny_model):
    mine = {**OWN["vqa"], "sharing": "per-task"}
    model = tiny_model(tasks=tasks_with(tiny, {"vqa": mine, "captions": mine}))
    owners = {key.owner.task_scope for key in model.graft.bank.entries if key.part.startswith("prompt-vqa.")}
    assert owners == {"task:vqa", "task:captions"}


def test_room_is_that_of_each_tasks_prompts(tiny, tiny_model):
    model = tiny_model(tasks=tasks_with(tiny, OWN))
    assert [model.most_prompt_tokens(task) for task in tiny.TASKS] == [1, 0, 8, 3]
    assert [model.most_images(task) for task in tiny.TASKS] == [{}, {}, {"visual": 2}, {}]


@pytest.mark.parametrize(
    ("prompt", "place", "message"),
    [
        ({"kind": "dynamic", "heads": 2, "layer": 9}, ("tasks", "vqa", "prompt", 0, "layer"), "has the layers 0 to 1"),
        ({"kind": "dynamic", "heads": 3}, ("tasks", "vqa", "prompt", 0, "heads"), "3 heads do not divide the width 16"),
    ],
)
def test_what_is_wrong_with_a_tasks_prompt_is_told_there(prompt, place, message, tiny, tiny_model):
    with pytest.raises(OptionError, match=message) as caught:
        tiny_model(tasks=tasks_with(tiny, {"vqa": prompt}))
    assert caught.value.location == place


def test_a_prompt_of_the_trunk_that_joins_no_text(tiny, tiny_recipe):
    with pytest.raises(ValidationError, match="each task has a `prompt` of its own, and this one joins no text"):
        tiny_recipe(tasks=tasks_with(tiny, dict.fromkeys(tiny.TASKS, OWN["vqa"])))


@pytest.mark.parametrize("kind", ["resampler", "dynamic"])
def test_the_map_of_a_reading_prompt_is_dropped_in_training_alone(kind, tiny, tiny_model, samples, batch_of):
    model = tiny_model(
        trunk=trunk(tiny.T5, {"kind": kind, "heads": 2, "dropout": 0.5}), graft={"train": {"norms": True}}
    )

    def loss(training):
        return sum(own.sum.item() for (own,) in model.losses(batch_of(model, samples), training).values())

    assert loss(training=True) != pytest.approx(loss(training=True), abs=1e-6)
    assert loss(training=False) == loss(training=False)
