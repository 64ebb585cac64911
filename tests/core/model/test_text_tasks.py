"""Tasks of text beside tasks of pictures on one backbone: a text's row is as it is alone, and no picture joins it."""

from dataclasses import replace

import pytest
import torch

from multigraft.core.types.annotation import Annotation
from multigraft.core.types.sample import Sample, TextPair

LABELS = ["good", "bad"]
SORTED = {"objective": {"kind": "classification", "labels": LABELS}, "evaluator": "classify"}
TASKS = {
    "vqa": {"kind": "visual-question-answering", "data": ["none.tar"]},
    "moods": {"kind": "text-classification", "data": ["none.tar"], **SORTED},
    "stories": {"kind": "text-generation", "data": ["none.tar"]},
}
ORDER = tuple(TASKS)
TEXTS = {"moods": [("classify: well done", "good"), ("classify: oh", "bad")], "stories": [("generate: once", "upon")]}


@pytest.fixture(params=["T5", "BART", "DECODER", "BERT"])
def model(request, tiny, tiny_model):
    """Over each family; BERT writes nothing, so that it sorts the pictures' questions too."""
    tasks = TASKS
    if request.param == "BERT":
        question = {
            **TASKS["vqa"],
            "objective": {"kind": "answers", "labels": ["a box", "red"]},
            "evaluator": "classify",
        }
        tasks = {"vqa": question, "moods": TASKS["moods"]}
    return tiny_model("per-task", getattr(tiny, request.param), tasks=tasks)


@pytest.fixture
def rows(model, samples):
    """Questions about pictures, and texts, in the order of the tasks."""
    found = [each for each in samples if each.task == "vqa"]
    for task in (task for task in TEXTS if task in model.objectives):
        for text, target in TEXTS[task]:
            found.append(Sample(task, Annotation(id=text, task=task), TextPair(text, target), (), "none.tar#0"))
    return found


@pytest.fixture
def batch(model, batch_of):
    """Collate some rows."""
    return lambda some: batch_of(model, some, ORDER)


def read(model, batch):
    """What the first stack gives of each row's text, without padding, and how many tokens it has in all."""
    stack = next(iter(model.backbone.stacks))
    found = []
    for outputs in model.run(batch, training=False).values():
        tokens = outputs.states(stack)
        found += [states[real] for states, real in zip(tokens.states, tokens.real, strict=True)]
    return found


def test_no_prompt_of_pictures_joins_a_text(model, rows, batch):
    bare = read(model, batch([replace(each, media=()) for each in rows]))
    for row, states, own in zip(rows, read(model, batch(rows)), bare, strict=True):
        assert len(states) - len(own) == (4 if row.media else 0), row.task


def test_rows_of_texts_are_as_they_are_alone(model, rows, batch):
    mixed = read(model, batch(rows))
    for row, states in zip(rows, mixed, strict=True):
        torch.testing.assert_close(read(model, batch([row]))[0], states, atol=2e-6, rtol=1e-5)


def test_losses_and_gradients_of_a_mixed_batch_are_those_of_its_tasks(model, rows, batch):
    trained = list(model.graft.bank.trained().values())

    def of(some):
        losses = model.losses(batch(some), training=True)
        sums = {task: own[0].sum for task, own in losses.items()}
        return sums, torch.autograd.grad(torch.stack(list(sums.values())).sum(), trained, allow_unused=True)

    sums, gradients = of(rows)
    apart = {task: of([each for each in rows if each.task == task]) for task in sums}
    for task, whole in sums.items():
        assert whole.item() == pytest.approx(apart[task][0][task].item(), rel=1e-5)
    for number, key in enumerate(model.graft.bank.trained()):
        pieces = [own[number] for _, own in apart.values() if own[number] is not None]
        assert (gradients[number] is None) == (not pieces), key.text
        if pieces:
            torch.testing.assert_close(
                gradients[number], torch.stack(pieces).sum(0), atol=2e-5, rtol=1e-4, msg=key.text
            )


def test_the_prompt_learns_nothing_from_texts(model, rows, batch):
    losses = model.losses(batch([each for each in rows if not each.media]), training=True)
    torch.stack([own[0].sum for own in losses.values()]).sum().backward()
    learned = {
        key.part.partition(".")[0] for key, value in model.graft.bank.trained().items() if value.grad is not None
    }
    assert "prompt" not in learned
    assert "bottleneck" in learned


def test_answers_alone_and_in_a_mixed_batch(model, rows, batch):
    def said(some):
        return [(each.text, each.score) for each in model.answers(batch(some))]

    mixed = said(rows)
    alone = [each for row in rows for each in said([row])]
    assert [text for text, _ in mixed] == [text for text, _ in alone]
    assert [score for _, score in mixed if score is not None] == pytest.approx(
        [score for _, score in alone if score is not None], abs=1e-5
    )
