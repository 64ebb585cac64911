"""Rows of predictions for the tests of metrics."""

import itertools

import pytest

from multigraft.core.interfaces.metric import Metric
from multigraft.core.types.prediction import Answer, Prediction


@pytest.fixture(scope="session")
def row():
    """`row(output, *references, answers={text: score}, ...)` makes a prediction with an id of its own."""
    numbers = itertools.count()

    def make(output, *references, answers=None, **fields) -> Prediction:
        scored = tuple(Answer(text, score) for text, score in (answers or {}).items())
        return Prediction(f"row-{next(numbers)}", output, references, scored, **fields)

    return make


@pytest.fixture(scope="session")
def scores():
    """`scores(metric, rows)` feeds the rows and computes."""

    def compute(metric: Metric, rows) -> dict[str, float]:
        for prediction in rows:
            metric.update(prediction)
        return metric.compute()

    return compute
