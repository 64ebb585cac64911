"""Tasks whose texts stand between other tokens, in one batch: one in a chat's turns, one ended, the others plain."""

import pytest
import torch

from multigraft.core.errors import OptionError
from multigraft.core.model.build import writing
from multigraft.core.model.trunk import build_backbone
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import greedy
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

TURNS = (
    "{% for message in messages %}<|turn|>{{ message['role'] }} says {{ message['content'] }}<|over|>"
    "{% endfor %}{% if add_generation_prompt %}<|turn|>assistant says {% endif %}"
)
FORMS = {"vqa": "chat", "captions": "ended"}


@pytest.fixture(scope="module")
def talker(tiny, tmp_path_factory):
    """A decoder whose tokenizer has a chat template."""
    tokenizer = sapling_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>", "<|over|>"]})
    tokenizer.chat_template = TURNS
    folder = tmp_path_factory.mktemp("talker")
    tokenizer.save_pretrained(folder)
    sizes = {"vocab_size": len(tokenizer)}
    return {**tiny.DECODER, "architecture": tiny.DECODER["architecture"] | sizes, "tokenizer": f"path:{folder}"}


@pytest.fixture(scope="module")
def tasks(tiny):
    return {name: options | ({"texts": FORMS[name]} if name in FORMS else {}) for name, options in tiny.TASKS.items()}


def test_a_mixed_batch_is_as_its_samples_alone(talker, tasks, tiny_model, samples, mixed_as_alone):
    model = tiny_model("per-task", talker, tasks=tasks)
    mixed_as_alone.trained(model, samples)
    mixed_as_alone.decoded(model, samples)


def test_rows_are_those_of_a_backbone_that_has_the_form_for_all(
    talker, tasks, tiny_model, tiny_recipe, registry, samples, batch_of
):
    model = tiny_model(backbone=talker, tasks=tasks)
    for task in tasks:
        every = {**talker, "texts": FORMS.get(task, "plain")}
        alone = build_backbone(tiny_recipe(backbone=every), registry)
        own = [each for each in samples if each.task == task]
        rows = batch_of(model, own).rows
        ids, mask = alone.tokenize([each.example.text for each in own])
        targets = alone.tokenize_targets([each.example.target for each in own])
        assert [row.texts["text"].ids.tolist() for row in rows] == [
            row[kept].tolist() for row, kept in zip(ids, mask, strict=True)
        ]
        assert [row.texts["target"].ids.tolist() for row in rows] == [
            [each for each in row if each >= 0] for row in targets.tolist()
        ]


def test_each_task_decodes_to_its_own_end(talker, tasks, tiny_model, samples, batch_of):
    """What ends a turn is likeliest everywhere; it may not come first where it is an end."""
    model = tiny_model(backbone=talker, tasks=tasks)
    over, head = model.writing("vqa").end, model.backbone.model.lm_head
    assert over != model.backbone.end == model.writing("captions").end
    outputs = model.run(batch_of(model, samples), training=False)
    with torch.no_grad():
        states = torch.cat([own.summary() for own in outputs.values()])
        head.weight.zero_()
        head.weight[over] = 1e3 * states.sum(0)
        assert (states @ head.weight.T).argmax(1).tolist() == [over] * len(states)
    longer = Decoding(max_tokens=3, min_tokens=2)
    first = {task: greedy(own._beginning, own._intercept, longer)[:, 0] for task, own in outputs.items()}
    assert {task: (ids == over).tolist() for task, ids in first.items()} == {
        task: [task != "vqa"] * 2 for task in outputs
    }


def test_a_form_that_is_not_there_is_told_at_the_task(talker, tasks, tiny, tiny_recipe, registry):
    for backbone, form, message in (
        (talker, "talk", "no form of texts named 'talk'"),
        (tiny.T5, "chat", "this backbone puts the same tokens around all texts"),
        (tiny.BERT_DECODER, "plain", "this backbone puts the same tokens around all texts"),
        (tiny.DECODER, "chat", "the tokenizer has no chat template"),
    ):
        named = {**tasks, "vqa": {**tasks["vqa"], "texts": form}}
        recipe = tiny_recipe(backbone=backbone, tasks=named)
        with pytest.raises(OptionError, match=message) as caught:
            writing(build_backbone(recipe, registry), recipe, "vqa")
        assert caught.value.location == ("tasks", "vqa", "texts")
