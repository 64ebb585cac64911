"""Consistency of NLVR2 (Suhr et al. 2019, section 5): sentences judged rightly on all their pictures.

As the official evaluation counts (https://github.com/lil-lab/nlvr, nlvr2/eval/metrics.py): an identifier is
SPLIT-SET-PAIR-SENTENCE, here perhaps after a prefix, and the rows that differ in PAIR alone are one sentence. Equal
texts of two sets are two.
"""

import re
from typing import Any

from multigraft import Metric, Prediction
from multigraft.plugins.metrics.exact_match import ExactMatch
from multigraft.plugins.metrics.options import ConsistencyOptions

_IDENTIFIER = re.compile(r"(?P<set>.+-\d+)-\d+-(?P<sentence>\d+)")
_MEDIUM = re.compile(r"(?P<record>.*#[^#.]*)\..*")


class Consistency(Metric):
    """Share of unique sentences, each within its set, whose every row is right."""

    def __init__(self) -> None:
        self._right = ExactMatch()
        self._rows_of: dict[tuple[str, ...], list[bool]] = {}

    def update(self, prediction: Prediction) -> None:
        """Take one prediction."""
        self._rows_of.setdefault(sentence_of(prediction), []).append(self._right.score(prediction) == 1)

    def compute(self) -> dict[str, float]:
        """The share under `consistency`."""
        if not self._rows_of:
            return {}
        return {"consistency": sum(all(rows) for rows in self._rows_of.values()) / len(self._rows_of)}

    def counts(self) -> dict[str, int]:
        """Unique sentences."""
        return {"consistency": len(self._rows_of)}

    def facts(self) -> dict[str, Any]:
        """Number of unique sentences, and of those with a single row, whose consistency is their accuracy."""
        alone = sum(len(rows) == 1 for rows in self._rows_of.values())
        return {"sentences": len(self._rows_of)} | ({"of_one_row": alone} if alone else {})


def sentence_of(prediction: Prediction) -> tuple[str, ...]:
    """What the rows of one sentence have in common: source, set, and its number and text within the set."""
    identifier = _IDENTIFIER.fullmatch(prediction.id)
    if identifier:
        return (prediction.source, identifier["set"], identifier["sentence"], prediction.text)
    medium = _MEDIUM.fullmatch(prediction.media[0]) if prediction.media else None
    return (prediction.source, medium["record"] if medium else "", "", prediction.text)


def build(options: ConsistencyOptions) -> Consistency:
    """Consistency."""
    return Consistency()
