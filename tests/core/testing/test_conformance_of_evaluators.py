"""Evaluators that keep their contract, and what is said of others."""

from dataclasses import replace

import numpy as np
import pytest

from multigraft import Answer, Evaluator, EvaluatorOptions, Need, Said
from multigraft.core.testing.conformance import check_built


class Echo(Evaluator):
    """Says the text of each row; a well-behaved evaluator."""

    def answer(self, rows, outputs):
        return [Said(sample.example.text) for sample in rows.samples]


class Asking(Echo):
    needs = (Need("everything"),)


class Silent(Echo):
    def answer(self, rows, outputs):
        return super().answer(rows, outputs)[1:]


class Plain(Echo):
    def answer(self, rows, outputs):
        return [sample.example.text for sample in rows.samples]


class Crowd(Echo):
    def answer(self, rows, outputs):
        return [Said(str(len(rows.samples))) for _ in rows.samples]


class Rising(Echo):
    def answer(self, rows, outputs):
        return [replace(said, score=-2.0, others=(Answer("else", -1.0),)) for said in super().answer(rows, outputs)]


class Telling(Echo):
    says = "features"


class Measuring(Echo):
    """Its vectors are those of a row alone."""

    says = "features"

    def answer(self, rows, outputs):
        lengths = np.array([len(sample.example.text) for sample in rows.samples])
        return [Said(features={"text": length[None]}) for length in lengths]


class Centred(Measuring):
    def answer(self, rows, outputs):
        said = super().answer(rows, outputs)
        middle = np.mean([each.features["text"] for each in said])
        return [Said(features={"text": each.features["text"] - middle}) for each in said]


class Arrays(Echo):
    def predictions(self, task, rows):
        return [replace(each, facts={"vector": np.zeros(2)}) for each in super().predictions(task, rows)]


class Nothing(Echo):
    says = "nothing"


class Listing(Echo):
    def candidates(self, example):
        return list(example.choices)


@pytest.mark.parametrize(
    ("evaluator", "lines"),
    [
        (Echo, []),
        (Silent, ["of 4 rows it says 3 things, 0 of them no Said"]),
        (Plain, ["of 4 rows it says 4 things, 4 of them no Said"]),
        (Crowd, ["what it says of a row depends on the other rows"]),
        (Rising, ["the others behind an output do not fall in their scores: [-2.0, -1.0]"]),
        (Telling, ["`says` is 'features', and rows have the features []"]),
        (Measuring, []),
        (Centred, ["what it says of a row depends on the other rows"]),
        (Arrays, ["a prediction is no JSON: Object of type ndarray is not JSON serializable"]),
        (Nothing, ["`says` is 'nothing', and it makes 4 predictions"]),
        (Listing, ["`candidates` gives ['red', 'blue'], no tuple of texts"] * 4),
    ],
)
def test_evaluators(evaluator, lines):
    assert check_built("evaluators", lambda options, objectives: evaluator(), EvaluatorOptions(kind="any")) == lines


def test_an_evaluator_that_reads_what_there_is_not():
    [line] = check_built("evaluators", lambda options, objectives: Asking(), EvaluatorOptions(kind="any"))
    assert line.startswith("its `needs` hold Need(what='everything'")
