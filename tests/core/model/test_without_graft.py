"""A model without its graft is the plain language model: bit for bit what transformers' own gives for a text."""

import pytest
import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.left_out_module import LeftOutModuleError
from multigraft.core.options.options import Decoding
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.sample import Sample, TextPair

TEXT = "generate: once there was a box"
STORIES = {"kind": "text-generation", "data": ["none.tar"]}
MOODS = {
    "kind": "text-classification", "data": ["none.tar"],
    "objective": {"kind": "classification", "labels": ["good", "bad"]},
}  # fmt: skip
VQA = {"kind": "visual-question-answering", "data": ["none.tar"]}
WRITING = {"vqa": VQA, "stories": STORIES, "moods": MOODS}
GRAFT = {"adapters": [{"kind": "bottleneck", "width": 4}, {"kind": "lora", "rank": 2}], "train": {"norms": True}}


def text_row(task, target="", text=TEXT):
    return Sample(task, Annotation(id=text, task=task), TextPair(text, target), (), "none.tar#0")


@pytest.fixture
def model_of(tiny, tiny_model):
    """A model of tasks of text and pictures whose graft is far from its start."""
    return lambda family, tasks=WRITING: tiny_model(backbone=getattr(tiny, family), tasks=tasks, graft=GRAFT)


def alone(model):
    """The language model of a model as transformers has it, in memory of its own."""
    own = model.backbone.model
    copy = type(own)(own.config).eval()
    copy.load_state_dict(own.state_dict())
    return copy


def read(model, batch_of, task="stories", target="upon a time"):
    return model.run(batch_of(model, [text_row(task, target)], tuple(model.objectives)), training=False)[task]


@torch.no_grad()
@pytest.mark.parametrize("family", ["T5", "BART", "DECODER"])
def test_predictions_of_a_target_are_bit_equal(family, model_of, batch_of):
    model = model_of(family)
    ids, mask = model.backbone.tokenize([TEXT])
    target = model.backbone.tokenize_targets(["upon a time"])
    if family == "DECODER":
        whole = torch.cat([ids, target], 1)
        theirs = alone(model)(input_ids=whole).logits[:, ids.shape[1] - 1 : -1]
    else:
        theirs = alone(model)(input_ids=ids, attention_mask=mask.long(), labels=target).logits

    def logits(some):
        outputs = read(some, batch_of)
        return outputs.logits(outputs.hidden())

    assert torch.equal(logits(model.without_graft()), theirs)
    assert not torch.equal(logits(model), theirs)


@torch.no_grad()
@pytest.mark.parametrize("family", ["T5", "BART", "DECODER"])
@pytest.mark.parametrize("beams", [1, 3])
def test_texts_are_those_of_the_language_model(family, beams, model_of, batch_of):
    model = model_of(family)
    ids, mask = model.backbone.tokenize([TEXT])
    own = {"max_new_tokens": 6, "num_beams": beams, "do_sample": False, "attention_mask": mask.long()}
    written = alone(model).generate(ids, **own)
    theirs = written[:, ids.shape[1] if family == "DECODER" else 1 :]
    decoding = Decoding(beams=beams, max_tokens=6, forced_end=family == "BART")  # as BART's config says
    ours = read(model.without_graft(), batch_of).generate(decoding)
    assert ours == model.backbone.detokenize(theirs)


@torch.no_grad()
def test_the_state_that_heads_read_is_that_of_bert(model_of, batch_of):
    model = model_of(
        "BERT", {"moods": MOODS, "vqa": {**MOODS, "kind": "visual-question-answering", "evaluator": "classify"}}
    )
    ids, mask = model.backbone.tokenize([TEXT])
    theirs = alone(model)(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True).hidden_states[-1][:, 0]
    assert torch.equal(read(model.without_graft(), batch_of, "moods", "good").summary(), theirs)
    assert not torch.equal(read(model, batch_of, "moods", "good").summary(), theirs)


def test_no_prompt_joins_a_question_about_a_picture(model_of, batch_of, samples):
    bare = model_of("T5").without_graft()
    question = next(each for each in samples if each.task == "vqa")
    seen, unseen = (
        bare.run(batch_of(bare, [each], tuple(WRITING)), training=False)["vqa"].hidden()
        for each in (question, text_row("vqa", question.example.target, question.example.text))
    )
    assert torch.equal(seen, unseen)


def test_a_head_is_missed(model_of, batch_of):
    bare = model_of("T5").without_graft()
    with pytest.raises(
        LeftOutModuleError, match="task 'moods' is answered by 'head-moods-labels', which the graft brings"
    ):
        bare.answers(batch_of(bare, [text_row("moods", "good")], tuple(WRITING)))
    assert issubclass(LeftOutModuleError, MultigraftError)
