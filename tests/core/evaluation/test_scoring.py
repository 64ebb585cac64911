"""The report of a task: no metric hides another, and each score says what it rests on."""

from dataclasses import replace

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.scoring import Scorer
from multigraft.core.registry.registry import default_registry
from multigraft.core.types.prediction import Prediction

ROWS = [
    Prediction("a", "Red", ("red",), type="colour", text="what?", source="drawings"),
    Prediction("b", "two", ("two",), type="number", text="how many?"),
    Prediction("c", "a box", (), type="number", text="how many?"),
]


@pytest.fixture(scope="module")
def report():
    registry = default_registry()

    def make(*metrics):
        options = registry.options("tasks", "image-captioning").model_validate(
            {"kind": "image-captioning", "data": ["a.tar"], "metrics": list(metrics)}, context={"registry": registry}
        )
        return Scorer(options, registry).summary(ROWS)

    return make


def test_two_metrics_of_one_name_both_stand_there(report):
    scores = report("exact-match", {"kind": "exact-match", "normalise": "lower"})
    assert scores == {"exact-match": 1 / 3, "exact-match-2": 2 / 3, "n": 3, "facts": {"without_references": 1}}


def test_rows_without_a_source_are_a_group_where_others_have_one():
    registry = default_registry()
    options = registry.options("tasks", "image-captioning").model_validate(
        {"kind": "image-captioning", "data": ["a.tar"], "metrics": ["exact-match"]}, context={"registry": registry}
    )
    scores = Scorer(options, registry).scores(ROWS)
    assert {name: group["n"] for name, group in scores["by_source"].items()} == {"(none)": 2, "drawings": 1}
    assert {name: group["n"] for name, group in scores["by_type"].items()} == {"colour": 1, "number": 2}
    assert Scorer(options, registry).scores(ROWS[1:])["by_source"] == {}


def test_each_score_says_what_it_rests_on(report):
    scores = report("rouge-l", "accuracy-by-type", "consistency")
    assert scores["n"] == 3
    assert scores["counts"] == {"rouge-l": 2, "accuracy/colour": 1, "accuracy/number": 2, "consistency": 2}
    assert "accuracy-by-type" not in scores["counts"]


def test_a_task_without_choices_cannot_choose(tiny, tiny_model, samples, batch_of):
    model = tiny_model(tasks={"vqa": {**tiny.TASKS["vqa"], "evaluator": "choices"}})
    lacking = [replace(each, example=replace(each.example, choices=())) for each in samples if each.task == "vqa"]
    with pytest.raises(MultigraftError, match=r"task 'vqa': .* its annotation 'vqa/vqa: what is it\?' has no choices"):
        model.answers(batch_of(model, lacking))
