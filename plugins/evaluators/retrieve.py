"""`retrieve`: every text of a split against every medium, by the vectors that an objective trains for both.

A text ranks the media and a medium ranks the texts, by the inner product of their vectors. A medium, or a stretch of
one, that several annotations are about counts once, and each of these annotations is right for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from multigraft import (
    Evaluator,
    Objective,
    OptionError,
    Prediction,
    Said,
    SaidRow,
    Task,
    TaskBatch,
    TaskOutputs,
    prediction_of,
)
from multigraft.plugins.evaluators.options import RetrieveOptions

SIDES = ("text", "media")
_AT_ONCE = 1024
"""Rows that are held against all others at once."""


class Retrieve(Evaluator):
    """All pairs of texts and media."""

    says = "features"

    def __init__(self, objective: Objective, keep: int) -> None:
        self.objective, self.keep = objective, keep
        self.needs = [need for need in objective.needs if need.view.values == "student"]

    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """Both vectors of each row."""
        found = self.objective.embeddings(rows, outputs)
        vectors = {side: found[side].detach().float().cpu().numpy() for side in SIDES}
        return [Said(features={side: vectors[side][row] for side in SIDES}) for row in range(len(rows.samples))]

    def predictions(self, task: Task, rows: Sequence[SaidRow]) -> Iterator[Prediction]:
        """A row for each text, then one for each distinct medium."""
        if not rows:
            return
        names = [_shown(row) for row in rows]
        first = dict(zip(reversed(names), reversed(rows), strict=True))
        media = list(dict.fromkeys(names))
        ids = [row.annotation.id for row in rows]
        of_texts = np.stack([row.said.features["text"] for row in rows])
        of_media = np.stack([first[name].said.features["media"] for name in media])
        for row, name, best in zip(rows, names, self._best(of_texts, of_media, media), strict=True):
            yield _ranked(prediction_of(task, row), "text-to-media", best, (name,), len(media))
        own: dict[str, list[str]] = {}
        for name, key in zip(names, ids, strict=True):
            own.setdefault(name, []).append(key)
        for name, best in zip(media, self._best(of_media, of_texts, ids), strict=True):
            about = first[name]
            made = Prediction(name, "", (), source=about.annotation.source, media=about.media)
            yield _ranked(made, "media-to-text", best, tuple(own[name]), len(ids))

    def _best(
        self, asking: NDArray[np.float32], asked: NDArray[np.float32], names: Sequence[str]
    ) -> Iterator[tuple[tuple[str, float], ...]]:
        """The best of `asked` `(candidates, width)` for each of `asking` `(queries, width)`."""
        for start in range(0, len(asking), _AT_ONCE):
            scores = asking[start : start + _AT_ONCE] @ asked.T
            order = np.argsort(-scores, axis=1, kind="stable")[:, : self.keep]
            for row, best in zip(scores, order, strict=True):
                yield tuple((names[number], float(row[number])) for number in best)


def _shown(row: SaidRow) -> str:
    """What a row is about: its media, and the stretch of them where it is about no more."""
    span = row.annotation.span
    return " + ".join(row.media) + (f" {span[0]:g}-{span[1]:g} s" if span else "")


def _ranked(
    made: Prediction, direction: str, ranked: tuple[tuple[str, float], ...], relevant: tuple[str, ...], candidates: int
) -> Prediction:
    facts = {**made.facts, "direction": direction, "candidates": candidates}
    return replace(made, output=ranked[0][0], ranked=ranked, relevant=relevant, facts=facts)


def build(options: RetrieveOptions, objectives: Sequence[Objective]) -> Retrieve:
    """The evaluator of a recipe.

    Raises:
        OptionError: no objective, or more than one, trains vectors of both texts and media.
    """
    fit = [objective for objective in objectives if set(SIDES) <= set(objective.embeds)]
    if len(fit) != 1:
        raise OptionError(
            (), f"{len(fit) or 'none'} of the task's objectives trains vectors of texts and media; it needs one"
        )
    return Retrieve(fit[0], options.keep)
