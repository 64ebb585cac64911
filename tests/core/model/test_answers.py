"""The objective `answers`: soft scores of a list of answers, over BERT."""

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import binary_cross_entropy_with_logits

from multigraft.core.types.annotation import Annotation, ScoredAnswer
from multigraft.plugins.objectives.answers import build
from multigraft.plugins.objectives.options import AnswersOptions, ClassificationOptions
from multigraft.tasks.visual_question_answering.task import VisualQuestionAnswering

LABELS = ["a box", "red", "blue", "two"]


@pytest.fixture
def model(tiny, tiny_model):
    def make(head="mlp"):
        objective = {"kind": "answers", "labels": LABELS, "head": head}
        return tiny_model(
            backbone=tiny.BERT, tasks={"vqa": {**tiny.TASKS["vqa"], "objective": objective, "evaluator": "classify"}}
        )

    return make


def scored(sample, answers, weight=1.0):
    """The sample with these answers and their scores."""
    given = tuple(ScoredAnswer(text=text, score=score) for text, score in answers.items())
    return replace(sample, example=replace(sample.example, answers=given, weight=weight))


@pytest.fixture
def rows(samples):
    return [
        scored(samples[0], {"a box": 1.0, "blue": 0.3}),
        scored(samples[1], {"red": 0.6, "green": 0.9}, weight=0.5),
    ]


def logits_of(model, batch):
    outputs = model.run(batch, training=False)["vqa"]
    return outputs.module("labels", outputs.summary())


def test_the_loss_is_that_of_each_answer_by_itself(model, rows, batch_of):
    """Mean over all numbers times the answers, as Dynamic Visual Prompting has it; the second row weighs half."""
    made = model()
    batch = batch_of(made, rows)
    logits = logits_of(made, batch).double()
    scores = torch.tensor([[1.0, 0, 0.3, 0], [0, 0.6, 0, 0]], dtype=torch.float64)
    each = [binary_cross_entropy_with_logits(logits[row], scores[row]) * len(LABELS) for row in range(2)]
    ((loss,),) = made.losses(batch, training=False).values()
    assert loss.sum.item() == pytest.approx((each[0] + 0.5 * each[1]).item(), rel=1e-5)
    assert loss.denominator == 2
    assert loss.parts["lost"].item() == pytest.approx(0.9)


def test_the_likeliest_answer_is_said(model, rows, batch_of):
    made = model()
    batch = batch_of(made, rows)
    best = [LABELS[number] for number in logits_of(made, batch).argmax(1)]
    assert [said.text for said in made.answers(batch)] == best


@pytest.mark.parametrize(("head", "numbers"), [("linear", 16 * 4 + 4), ("mlp", 16 * 32 + 32 + 2 * 32 + 32 * 4 + 4)])
def test_heads(head, numbers, model):
    own = [value for key, value in model(head).graft.bank.trained().items() if "labels" in key.part]
    assert sum(value.numel() for value in own) == numbers


def test_a_target_counts_where_a_task_scores_no_answers(model, samples, batch_of):
    made = model()
    batch = batch_of(made, [samples[1]])
    logits = logits_of(made, batch)
    expected = binary_cross_entropy_with_logits(logits, torch.tensor([[0.0, 1, 0, 0]]), reduction="sum") * 0.3
    ((loss,),) = made.losses(batch, training=False).values()
    assert loss.sum.item() == pytest.approx(expected.item(), rel=1e-5)


def test_answers_come_from_a_file_and_stand_in_the_recipe(tmp_path):
    file = tmp_path / "answers.txt"
    file.write_text("yes\nno\n\ntwo\n\n")
    options = AnswersOptions(kind="answers", labels=f"path:{file}")
    assert options.labels == ["yes", "no", "", "two"]
    assert options.model_dump()["labels"] == ["yes", "no", "", "two"]
    with pytest.raises(ValidationError, match=r"none\.txt cannot be read"):
        AnswersOptions(kind="answers", labels=f"path:{tmp_path / 'none.txt'}")


def test_a_question_whose_answers_are_all_told():
    annotation = Annotation(
        id="1", task="vqa", text="how many?", references=["two"] * 3 + ["three"] + ["2"] * 6, weight=2.0
    )
    drawn, told = (VisualQuestionAnswering(draw).example(annotation, None) for draw in (True, False))
    assert (drawn.target, drawn.weight) == ("2", 2.0)
    assert (told.target, told.weight) == ("2", 2.0)
    assert {each.text: each.score for each in told.answers} == {"two": 0.9, "three": 0.3, "2": 1.0}
    nothing = Annotation(id="2", task="vqa", text="what?", answers=(ScoredAnswer(text="it", score=0.0),), weight=2.0)
    assert VisualQuestionAnswering().example(nothing, None).weight == 0
    assert VisualQuestionAnswering(False).example(nothing, None).weight == 2.0


def test_a_file_of_a_package(tmp_path, monkeypatch):
    (tmp_path / "answer_lists" / "vqa").mkdir(parents=True)
    (tmp_path / "answer_lists" / "__init__.py").touch()
    (tmp_path / "answer_lists" / "vqa" / "few.txt").write_text("yes\nno\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert AnswersOptions(kind="answers", labels="package:answer_lists/vqa/few.txt").labels == ["yes", "no"]
    for gone in ("package:answer_lists/none.txt", "package:no_lists/few.txt"):
        with pytest.raises(ValidationError, match=f"{gone} cannot be read"):
            AnswersOptions(kind="answers", labels=gone)
    with pytest.raises(ValidationError, match="and 'yes' is none of these"):
        AnswersOptions(kind="answers", labels="yes")


def test_the_width_of_a_head(tiny, tiny_model):
    objective = {"kind": "classification", "labels": LABELS, "head": "mlp", "head_width": 5}
    tasks = {"vqa": {**tiny.TASKS["vqa"], "objective": objective, "evaluator": "classify"}}
    own = [value for key, value in tiny_model(tasks=tasks).graft.bank.trained().items() if "labels" in key.part]
    assert sum(value.numel() for value in own) == 16 * 5 + 5 + 2 * 5 + 5 * 4 + 4
    with pytest.raises(ValidationError, match="`head_width` is for `head: mlp`"):
        ClassificationOptions(kind="classification", labels=LABELS, head_width=5)


def test_targets_of_which_none_is_a_label_are_refused():
    objective = build(AnswersOptions(kind="answers", labels=LABELS))
    assert objective.refuse(["green", "red"]) is None
    assert objective.refuse(["green", "3"]) == ("none of the 2 targets looked at is one of the labels, such as 'green'")
