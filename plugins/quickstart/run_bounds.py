"""Run hook: what linear probes on the same features can do, beside the scores of a run on the quickstart's data."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from multigraft import Annotation, BadSample
from multigraft.plugins.quickstart.bounds import group_bound, shape_oracle
from multigraft.plugins.quickstart.drawings import concepts
from multigraft.plugins.quickstart.shapes import COLORS, SHAPES, Shape

if TYPE_CHECKING:
    from multigraft import Run

_SPLITS = ("train", "validation", "test")


def add_bounds(run: "Run") -> None:
    """Put `bounds` into the results, where the run read stored features of the quickstart's pictures."""
    kinds = {options.kind.rpartition("/")[2]: name for name, options in run.recipe.tasks.items()}
    needed = ("visual-question-answering", "compositional-question-answering", "image-captioning")
    if not (run.recipe.data.features and all(kind in kinds for kind in needed)):
        return
    vqa, gqa, captions = (kinds[kind] for kind in needed)
    pictures = _Pictures(run)
    bounds: dict[str, Any] = {}
    oracle = _oracle(pictures, vqa, captions)
    if oracle:
        bounds[vqa] = oracle
    groups = _groups(pictures, captions)
    if groups:
        bounds[gqa] = groups
    run.results["bounds"] = bounds


class _Pictures:
    """Annotations of a run's tasks, and each picture's features as one row, read once."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._rows: dict[tuple[str, int, str], Tensor] = {}

    def annotations(self, task: str, split: str, origin: str) -> Iterator[tuple[Annotation, Tensor]]:
        """Every good annotation of a source, with its first picture's features `(tokens * width,)`."""
        source = self._run.data.source(task, split)
        for place in source.places():
            shard, row = source.locate(place)
            try:
                annotation = shard.annotation(row)
                if annotation.source == origin:
                    yield annotation, self._features(shard, int(shard.index.annotations.sample[row]), annotation)
            except BadSample:
                continue

    def _features(self, shard: Any, sample: int, annotation: Annotation) -> Tensor:
        key = (shard.name, sample, annotation.media[0])
        if key not in self._rows:
            media = self._run.data.media
            stored = media.read(shard, sample, annotation.media[0], None).features if media else None
            if stored is None:
                raise BadSample("missing field", "stored features")
            self._rows[key] = torch.from_numpy(stored.copy()).view(torch.bfloat16).float().mean((0, 1))
        return self._rows[key]


def _oracle(pictures: _Pictures, vqa: str, captions: str) -> dict[str, float] | None:
    known = {split: list(pictures.annotations(captions, split, "easy-vqa")) for split in ("train", "test")}
    asked = list(pictures.annotations(vqa, "test", "easy-vqa"))
    shown = {color for annotation, _ in known["train"] if (color := _shape(annotation).color)}
    if not known["test"] or not asked or shown != set(COLORS):
        return None
    train = (torch.stack([x for _, x in known["train"]]), [_shape(annotation) for annotation, _ in known["train"]])
    rows = torch.stack([x for _, x in known["test"]] + [x for _, x in asked])
    truths = [_shape(annotation) for annotation, _ in known["test"]] + [None] * len(asked)
    questions = [
        (len(known["test"]) + number, annotation.text, annotation.answers[0].text)
        for number, (annotation, _) in enumerate(asked)
    ]
    bound = shape_oracle(train, (rows, truths), questions)
    return {"oracle": bound.questions, "probe-shape": bound.shape, "probe-colour": bound.colour}


def _groups(pictures: _Pictures, captions: str) -> dict[str, float] | None:
    found = {
        annotation.references[0]: features
        for split in _SPLITS
        for annotation, features in pictures.annotations(captions, split, "openmoji")
    }
    every = concepts()
    if any(concept.name not in found for concept in every):
        return None
    bound = group_bound(every, torch.stack([found[concept.name] for concept in every]))
    return {"probe-group": bound.main, "probe-group-5-splits-mean": bound.mean, "probe-group-5-splits-sd": bound.spread}


def _shape(annotation: Annotation) -> Shape:
    words = annotation.references[0].split()
    return Shape(
        next(word for word in words if word in SHAPES),
        next(word for word in words if word in COLORS),
    )
