"""Whether an evaluator keeps its contract: tried over a tiny random trunk, whose objective trains all that is asked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from multigraft.core.interfaces.evaluator import Evaluator, Said, SaidRow
from multigraft.core.interfaces.objective import Head, Loss, Objective, Shapes, TaskBatch, TaskOutputs
from multigraft.core.interfaces.task import Task
from multigraft.core.options.base import Options
from multigraft.core.testing.needs import wrong_needs
from multigraft.core.testing.tiny_model import TARGETS, batch_of, tiny_model, tiny_rows, tiny_samples
from multigraft.core.testing.tiny_trunk import TinyBackbone
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.initial import normal
from multigraft.core.types.need import Need, View
from multigraft.core.types.part import Initial
from multigraft.core.types.prediction import Prediction
from multigraft.core.types.row import Row
from multigraft.core.types.sample import Sample, TextPair

_ROWS = 4
_ALONE = View(media=False)


def wrong_evaluator(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options; an evaluator that refuses both a backbone that
    predicts targets and one that does not is not tried."""
    for predicts in (True, False):
        objective, backbone = _AllKnowing(predicts), TinyBackbone(predicts)
        evaluator = build(options, objectives=(objective,))
        if not isinstance(evaluator, Evaluator):
            yield f"`build` gives {type(evaluator).__name__}, no Evaluator"
            return
        if evaluator.refuse_backbone(backbone) is None:
            problems = list(wrong_needs(evaluator.needs))
            yield from problems or _wrong_over(evaluator, objective, backbone)
            return


class _Line(Head):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.output = torch.nn.Linear(width, out)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.output(x)
        return made

    def initial(self, parameter: str) -> Initial:
        return normal(0.5)


class _AllKnowing(Objective):
    """Trains texts, labels and vectors."""

    labels, embeds = TARGETS, ("media", "text")

    def __init__(self, predicts: bool) -> None:
        self.needs = [Need("summary"), Need("summary", _ALONE), Need("media")] + [Need("targets")] * predicts

    def modules(self, shapes: Shapes) -> Mapping[str, Head]:
        width, features = shapes.width, shapes.media["visual"]
        return {"labels": _Line(width, len(TARGETS)), "text": _Line(width, 3), "media": _Line(features, 3)}

    def denominator(self, rows: Sequence[Row]) -> float:
        return float(len(rows))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        return Loss(-self.label_scores(rows, outputs).sum())

    def label_scores(self, rows: TaskBatch, outputs: TaskOutputs) -> Tensor:
        return outputs.module("labels", outputs.summary()).log_softmax(1)

    def embeddings(self, rows: TaskBatch, outputs: TaskOutputs) -> Mapping[str, Tensor]:
        text = outputs.module("text", outputs.view(_ALONE).summary())
        media = outputs.module("media", outputs.media_summary())
        return {"text": normalize(text, dim=1), "media": normalize(media, dim=1)}


def _wrong_over(evaluator: Evaluator, objective: Objective, backbone: TinyBackbone) -> Iterator[str]:
    samples = tiny_samples(_ROWS)
    for sample in samples:
        yield from _wrong_words(evaluator, sample.example)
    if any(evaluator.lacks(sample.example) for sample in samples):
        return
    rows, model = tiny_rows(backbone, samples), tiny_model(backbone, objective, evaluator)
    said = model.answers(batch_of(rows))
    problems = list(_wrong_said(evaluator, said))
    if not problems and not _alike(model.answers(batch_of(rows[1:2]))[0], said[1]):
        problems.append("what it says of a row depends on the other rows")
    yield from problems or _wrong_predictions(evaluator, samples, said)


def _wrong_words(evaluator: Evaluator, example: TextPair) -> Iterator[str]:
    lacking, candidates = evaluator.lacks(example), evaluator.candidates(example)
    if not isinstance(lacking, str):
        yield f"`lacks` gives {lacking!r}, no text"
    if not isinstance(candidates, tuple) or not all(isinstance(text, str) for text in candidates):
        yield f"`candidates` gives {candidates!r}, no tuple of texts"


def _wrong_said(evaluator: Evaluator, said: Sequence[Said]) -> Iterator[str]:
    strange = [each for each in said if not isinstance(each, Said)]
    if strange or len(said) != _ROWS:
        yield f"of {_ROWS} rows it says {len(said)} things, {len(strange)} of them no Said"
        return
    for each in said:
        scores = [each.score, *(other.score for other in each.others)] if each.others else []
        if None in scores or scores != sorted(scores, key=lambda score: -(score or 0.0)):
            yield f"the others behind an output do not fall in their scores: {scores}"
            return
    if (evaluator.says == "features") != all(each.features for each in said):
        yield f"`says` is {evaluator.says!r}, and rows have the features {sorted(said[0].features)}"


def _alike(one: Said, other: Said) -> bool:
    features = one.features.keys() == other.features.keys() and all(
        np.allclose(value, other.features[name], atol=1e-4) for name, value in one.features.items()
    )
    return one.text == other.text and features


class _Asked(Task):
    def example(self, annotation: Annotation, draw: Random | None) -> TextPair:
        return TextPair(annotation.text, annotation.answers[0].text)


def _wrong_predictions(evaluator: Evaluator, samples: Sequence[Sample], said: Sequence[Said]) -> Iterator[str]:
    rows = [
        SaidRow(sample.annotation, own, (f"{sample.origin}.png",)) for sample, own in zip(samples, said, strict=True)
    ]
    made = list(evaluator.predictions(_Asked(), rows))
    strange = [each for each in made if not isinstance(each, Prediction)]
    if strange:
        yield f"`predictions` gives {type(strange[0]).__name__}, no Prediction"
        return
    if (evaluator.says == "nothing") != (not made):
        yield f"`says` is {evaluator.says!r}, and it makes {len(made)} predictions"
    for each in made:
        try:
            json.dumps(each.to_json())
        except (TypeError, ValueError) as error:
            yield f"a prediction is no JSON: {error}"
            return
