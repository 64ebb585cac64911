"""What the frozen encoder's features allow: bounds that the quickstart's scores are compared with.

Features are pooled or flattened to one row a picture, `(pictures, width)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, pstdev

import torch
from torch import Tensor

from multigraft.plugins.quickstart.concept_split import concept_splits
from multigraft.plugins.quickstart.drawings import GROUPS, Concept
from multigraft.plugins.quickstart.linear_probe import LinearProbe, fit_best_probe, fit_linear_probe
from multigraft.plugins.quickstart.shapes import COLORS, SHAPES, Shape, oracle_answer

__all__ = [
    "GroupBound",
    "LinearProbe",
    "OracleBound",
    "fit_linear_probe",
    "group_accuracy",
    "group_bound",
    "oracle_answer",
    "shape_oracle",
]

_SEEDS = range(5)


@dataclass(frozen=True)
class OracleBound:
    """Scores of shape and colour read by probes, then reasoned about without error."""

    shape: float
    colour: float
    questions: float
    """Accuracy over the test questions."""


@dataclass(frozen=True)
class GroupBound:
    """Scores of a probe for the group of concepts it never saw."""

    main: float
    """On the split that the quickstart trains on."""
    mean: float
    """Over the splits of five seeds."""
    spread: float
    """Standard deviation over them."""


def shape_oracle(
    train: tuple[Tensor, Sequence[Shape]],
    test: tuple[Tensor, Sequence[Shape | None]],
    questions: Sequence[tuple[int, str, str]],
) -> OracleBound:
    """Probes fitted on training pictures answer `(row of the test features, question, answer)`.

    Test pictures whose shape is not known count for the questions only.
    """
    features, shapes = train
    shape_probe = fit_linear_probe(features, [shape.shape for shape in shapes], SHAPES)
    color_probe = fit_linear_probe(features, [shape.color for shape in shapes], COLORS)
    said = [Shape(*pair) for pair in zip(shape_probe.predict(test[0]), color_probe.predict(test[0]), strict=True)]
    known = [(one, true) for one, true in zip(said, test[1], strict=True) if true is not None]
    right = [oracle_answer(text, said[row].shape, said[row].color) == answer for row, text, answer in questions]
    return OracleBound(
        mean(one.shape == true.shape for one, true in known),
        mean(one.color == true.color for one, true in known),
        mean(right),
    )


def group_accuracy(concepts: Sequence[Concept], features: Tensor, split_of: Mapping[str, str]) -> float:
    """Share of the test concepts whose group a probe finds that was fitted on the training concepts.

    `features` `(concepts, width)` has a row for each concept; the weight decay is chosen on the validation concepts.
    """
    rows = {
        split: [place for place, concept in enumerate(concepts) if split_of[concept.name] == split]
        for split in ("train", "validation", "test")
    }
    x = {split: features[torch.tensor(places)] for split, places in rows.items()}
    y = {split: [concepts[place].group for place in places] for split, places in rows.items()}
    probe = fit_best_probe(x["train"], y["train"], x["validation"], y["validation"], tuple(GROUPS.values()))
    return probe.accuracy(x["test"], y["test"])


def group_bound(concepts: Sequence[Concept], features: Tensor, seed: int = 0) -> GroupBound:
    """The bound for the group of unseen concepts: on the split of `seed`, and over the splits of five seeds."""
    main = group_accuracy(concepts, features, concept_splits(seed))
    several = [group_accuracy(concepts, features, concept_splits(other)) for other in _SEEDS]
    return GroupBound(main, mean(several), pstdev(several))
