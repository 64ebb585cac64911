"""Evaluators say what the model finds likeliest, how likely, and what came behind it; what cannot work is refused."""

import json
import math

import pytest

from multigraft.core.errors import OptionError
from multigraft.core.evaluation.results import read_predictions
from multigraft.core.model.build import build_model
from multigraft.core.model.trunk import build_trunk

LABELS = {"kind": "classification", "labels": ["true", "false"]}


def test_choices_come_in_the_order_of_their_log_probabilities(tiny_model, samples, batch_of):
    model = tiny_model()
    own = [each for each in samples if each.task == "statements"]
    scores = model.run(batch_of(model, own), False)["statements"].score([each.example.choices for each in own])
    for sample, said, row in zip(own, model.answers(batch_of(model, own)), scores.tolist(), strict=True):
        expected = sorted(zip(sample.example.choices, row, strict=False), key=lambda pair: -pair[1])
        assert [(said.text, said.score), *((each.text, each.score) for each in said.others)] == expected


def test_generated_texts_have_no_score(tiny_model, samples, batch_of):
    model = tiny_model()
    own = [each for each in samples if each.task == "vqa"]
    (said,) = model.answers(batch_of(model, own[:1]))
    assert (said.score, said.others) == (None, ())


@pytest.mark.parametrize(
    ("objective", "evaluator", "message"),
    [
        (LABELS, "generate", "no objective of the task trains a text .*; write `evaluator: classify`"),
        (LABELS, "choices", "no objective of the task trains a text .*; write `evaluator: classify`"),
        ("generation", "classify", "none of the task's objectives sorts rows into labels, and it needs one"),
    ],
)
def test_an_evaluator_that_the_objective_has_nothing_for_is_refused(
    objective, evaluator, message, tiny, tiny_recipe, registry
):
    task = {**tiny.TASKS["statements"], "objective": objective, "evaluator": evaluator}
    recipe = tiny_recipe(tasks={"statements": task})
    with pytest.raises(OptionError, match=message) as caught:
        build_model(recipe, registry, build_trunk(recipe, registry, on_meta_device=True))
    assert caught.value.location == ("tasks", "statements", "evaluator")


def test_one_of_several_objectives_with_labels_is_named(tiny, tiny_recipe, registry):
    def built(evaluator):
        task = {**tiny.TASKS["statements"], "objective": [LABELS, "matching", "generation"], "evaluator": evaluator}
        recipe = tiny_recipe(tasks={"statements": task})
        trunk = build_trunk(recipe, registry, on_meta_device=True)
        return build_model(recipe, registry, trunk).evaluators["statements"].objective.labels

    assert list(built({"kind": "classify", "objective": 0})) == ["true", "false"]
    assert list(built({"kind": "classify", "objective": 1})) == ["no", "yes"]
    with pytest.raises(OptionError, match="objectives 0 and 1 sort rows into labels; say `objective: NUMBER`"):
        built("classify")
    for number in (2, 3):
        with pytest.raises(OptionError, match=f"objective {number} of the task sorts no rows into labels"):
            built({"kind": "classify", "objective": number})


def test_predictions_say_how_sure_the_model_is_and_can_be_read_again(trained):
    path = trained.folder / "predictions" / "statements.jsonl"
    rows = read_predictions(path)
    assert {row.output for row in rows} | {row.others[0].text for row in rows} == {"true", "false"}
    assert all(row.confidence >= row.others[0].score for row in rows)
    assert all(math.isfinite(row.confidence) and len(row.others) == 1 for row in rows)
    assert [row.to_json() for row in rows] == [
        {**json.loads(line), "ranked": (), "relevant": (), **_tuples(json.loads(line))} for line in path.open()
    ]


def _tuples(row):
    listed = ("references", "choices", "media", "answers", "others")
    return {name: tuple(row[name]) for name in listed}
