"""Linear probes and the oracle built on them."""

import random

import pytest
import torch

from multigraft.plugins.quickstart.bounds import fit_linear_probe, group_accuracy, shape_oracle
from multigraft.plugins.quickstart.drawings import GROUPS, concepts
from multigraft.plugins.quickstart.linear_probe import fit_best_probe
from multigraft.plugins.quickstart.shapes import COLORS, SHAPES, Shape


def clusters(labels, classes, noise, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.eye(len(classes), 12)
    places = torch.tensor([classes.index(label) for label in labels])
    return centres[places] + noise * torch.randn(len(labels), 12, generator=generator)


def test_a_probe_separates_what_is_linear_and_says_class_names():
    labels = ["cat", "dog", "owl"] * 40
    probe = fit_linear_probe(clusters(labels, ["cat", "dog", "owl"], 0.1), labels, ["cat", "dog", "owl"])

    assert probe.accuracy(clusters(labels, ["cat", "dog", "owl"], 0.1, seed=1), labels) == 1.0
    assert probe.predict(clusters(["dog"], ["cat", "dog", "owl"], 0.0)) == ["dog"]


def test_a_probe_matches_the_optimality_condition_of_its_loss():
    labels = ["a", "b"] * 30
    x = clusters(labels, ["a", "b"], 1.0)
    probe = fit_linear_probe(x, labels, ["a", "b"], decay=0.1)
    inputs = (x - probe.mean) / probe.scale
    error = torch.softmax(inputs @ probe.weight.T + probe.bias, 1)
    error[range(60), [0, 1] * 30] -= 1

    assert torch.allclose(error.T @ inputs / 60 + 0.1 * probe.weight, torch.zeros(2, 12), atol=1e-4)


def test_the_best_probe_is_chosen_on_the_validation_rows():
    labels = ["a", "b"] * 20
    x, other = clusters(labels, ["a", "b"], 1.0), clusters(labels, ["a", "b"], 1.0, seed=1)
    best = fit_best_probe(x, labels, other, labels, ["a", "b"]).accuracy(other, labels)

    assert best == max(fit_linear_probe(x, labels, ["a", "b"], d).accuracy(other, labels) for d in (1e-3, 1e-2, 1e-1))


def test_the_oracle_answers_from_shape_and_colour():
    draw = random.Random(0)
    shapes = [Shape(draw.choice(SHAPES), draw.choice(COLORS)) for _ in range(200)]
    classes = [*SHAPES, *COLORS]
    x = clusters([s.shape for s in shapes], classes, 0.0) + clusters([s.color for s in shapes], classes, 0.0)
    asked = [
        (0, "what shape is present?", shapes[0].shape),
        (0, f"is there a {shapes[0].color} shape?", "yes"),
        (1, f"is no {shapes[1].shape} present?", "no"),
        (1, "what color is the shape?", "not a colour"),
    ]
    bound = shape_oracle((x, shapes), (x[:3], [shapes[0], None, shapes[2]]), asked)

    assert (bound.shape, bound.colour, bound.questions) == (1.0, 1.0, 0.75)


def test_the_group_bound_uses_training_concepts_only():
    few = concepts()[::4]
    names = tuple(GROUPS.values())
    told = clusters([concept.group for concept in few], names, 0.1)
    split_of = {concept.name: ("train", "train", "validation", "test")[place % 4] for place, concept in enumerate(few)}
    assert group_accuracy(few, told, split_of) > 0.95

    test_rows = torch.tensor([split_of[concept.name] == "test" for concept in few])
    told[test_rows] = told[test_rows].roll(1, dims=1)
    assert group_accuracy(few, told, split_of) == pytest.approx(0.0, abs=0.1)
