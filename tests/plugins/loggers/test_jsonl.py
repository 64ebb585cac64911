import json

import pytest

from multigraft.plugins.loggers.jsonl import build
from multigraft.plugins.loggers.options import JsonLinesOptions


@pytest.fixture
def logger(tmp_path):
    return build(JsonLinesOptions(kind="jsonl"), tmp_path)


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_one_line_a_call(logger, tmp_path):
    logger.log(10, {"train/vqa/loss": 1.5})
    logger.log(20, {"train/vqa/loss": 1.25, "eval/vqa/exact-match": 0.5})
    assert rows(tmp_path) == [
        {"step": 10, "train/vqa/loss": 1.5},
        {"step": 20, "train/vqa/loss": 1.25, "eval/vqa/exact-match": 0.5},
    ]


def test_a_resumed_run_goes_on_as_if_it_had_never_gone_further(logger, tmp_path):
    for step in (10, 20, 30):
        logger.log(step, {"loss": 1.0})
    resumed = build(JsonLinesOptions(kind="jsonl"), tmp_path)
    resumed.resume(20)
    resumed.log(30, {"loss": 0.5})
    assert rows(tmp_path) == [{"step": 10, "loss": 1.0}, {"step": 20, "loss": 1.0}, {"step": 30, "loss": 0.5}]


def test_a_line_that_was_never_finished_is_cut_away(logger, tmp_path):
    logger.log(10, {"loss": 1.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "lo')
    logger.resume(20)
    assert rows(tmp_path) == [{"step": 10, "loss": 1.0}]


def test_undefined_and_infinite_values_stay_valid_json(logger, tmp_path):
    logger.log(1, {"a": float("nan"), "b": float("-inf")})
    line = (tmp_path / "metrics.jsonl").read_text()
    assert line == '{"step": 1, "a": "nan", "b": "-inf"}\n'


def test_resuming_without_a_file_makes_none(logger, tmp_path):
    logger.resume(5)
    assert list(tmp_path.iterdir()) == []
