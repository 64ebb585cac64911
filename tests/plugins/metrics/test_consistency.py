import pytest

from multigraft.core.types.prediction import Prediction
from multigraft.plugins.metrics.consistency import build
from multigraft.plugins.metrics.options import ConsistencyOptions


@pytest.fixture
def metric():
    return build(ConsistencyOptions(kind="consistency"))


def statement(name, right, text="both are red", **fields):
    return Prediction(name, "true", ("true",) if right else ("false",), text=text, **fields)


def test_a_sentence_must_be_right_on_all_its_pictures(metric, row, scores):
    rows = [
        row("true", "true", text="both are red"),
        row("false", "false", text="both are red"),
        row("true", "true", text="one is blue"),
        row("true", "false", text="one is blue"),
        row("false", "true", text="one is a ball"),
    ]
    assert scores(metric, rows) == {"consistency": 1 / 3}
    assert metric.counts() == {"consistency": 3}
    assert metric.facts() == {"sentences": 3, "of_one_row": 1}


@pytest.mark.parametrize("prefix", ["", "nlvr2-"])
def test_pairs_of_an_nlvr2_sentence_are_one_and_equal_texts_of_two_sets_are_two(metric, scores, prefix):
    rows = [
        statement(f"{prefix}dev-850-0-0", right=True),
        statement(f"{prefix}dev-850-1-0", right=True),
        statement(f"{prefix}dev-850-0-1", right=False, text="one is blue"),
        statement(f"{prefix}dev-850-1-1", right=True, text="one is blue"),
        statement(f"{prefix}dev-851-0-0", right=False),
        statement(f"{prefix}dev-851-2-0", right=True),
        statement(f"{prefix}test1-850-0-0", right=True),
    ]
    assert scores(metric, rows) == {"consistency": 2 / 4}
    assert metric.facts() == {"sentences": 4, "of_one_row": 1}


def test_elsewhere_the_record_is_the_set(metric, scores):
    def of(key, number, right, text):
        media = (f"data/test-0.tar#{key}.0.png", f"data/test-0.tar#{key}.{number}.png")
        return statement(f"{key}-00{number}", right, text, media=media, source="easy-vqa")

    rows = [
        of("easy-vqa-test-000001", 1, True, "both are red"),
        of("easy-vqa-test-000001", 2, True, "both are red"),
        of("easy-vqa-test-000002", 1, True, "both are red"),
        of("easy-vqa-test-000002", 2, False, "both are red"),
        of("easy-vqa-test-000002", 3, False, "one is red"),
    ]
    assert scores(metric, rows) == {"consistency": 1 / 3}


def test_equal_texts_of_two_sources_are_two(metric, scores):
    rows = [statement("1", right=True, source="drawings"), statement("2", right=False, source="photos")]
    assert scores(metric, rows) == {"consistency": 1 / 2}
