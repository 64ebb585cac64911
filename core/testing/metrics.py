"""Whether a metric keeps its contract: the same scores in any order, and from the rows of a predictions file."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from multigraft.core.interfaces.metric import Metric
from multigraft.core.options.base import Options
from multigraft.core.types.prediction import Answer, Prediction

ROWS = (
    Prediction(
        "1", "red", ("red", "red", "dark red"), (Answer("red"), Answer("dark red", 0.3)), "a", "colour", "which?"
    ),
    Prediction("2", "a red ball", ("a red ball", "one ball"), (), "a", "", "", ("a red ball", "no")),
    Prediction("3", "", ("true",), (Answer("true"),), "b", "same", "both are red", ("true", "false")),
    Prediction("4", "false", ("false",), (Answer("false"),), "b", "same", "both are red", ("true", "false")),
)
"""Answers, captions and statements, right and wrong ones."""


def wrong_metric(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    metric = build(options)
    if not isinstance(metric, Metric):
        yield f"`build` gives {type(metric).__name__}, no Metric"
        return
    if metric.compute() != {}:
        yield f"it has scores before it has seen a prediction: {metric.compute()}"
    scores = _scores(metric, ROWS)
    for name, value in scores.items():
        if not isinstance(value, int | float) or not math.isfinite(value):
            yield f"its score {name} is {value!r}, no finite number"
    again = [Prediction.from_json(json.loads(json.dumps(row.to_json()))) for row in reversed(ROWS)]
    other = _scores(build(options), again)
    if other.keys() != scores.keys() or any(abs(other[name] - scores[name]) > 1e-9 for name in scores):
        yield f"its scores depend on the order of predictions: {scores} and {other}"
    yield from _wrong_facts(metric)
    alone = metric.score(ROWS[0])
    if alone is not None and not 0 <= alone <= 1:
        yield f"its score of a single prediction is {alone!r}, neither None nor within 0 and 1"


def _scores(metric: Metric, rows: Iterable[Prediction]) -> dict[str, float]:
    for row in rows:
        metric.update(row)
    return metric.compute()


def _wrong_facts(metric: Metric) -> Iterator[str]:
    try:
        json.dumps(metric.facts())
    except (TypeError, ValueError) as error:
        yield f"its facts are no JSON: {error}"
