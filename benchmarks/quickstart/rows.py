"""What the benchmark measures: scores, their aims, and what else is known about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """A score of one task on held-out data."""

    task: str
    asked: str
    path: tuple[str, ...]
    """Where it is in the task's report."""
    reference: str = ""
    aim: float | None = None
    """At least this much; the README's table shows the rows that have one."""
    aim_words: str = ""
    """The aim as it is written, where the number alone does not say it."""
    first: str = ""
    """What the first release reached."""

    def values(self, runs: Iterable[Mapping[str, Any]]) -> list[float]:
        """The score in the reports of each run that has it."""
        return [value for tasks in runs if (value := self._in(tasks)) is not None]

    def _in(self, tasks: Mapping[str, Any]) -> float | None:
        found: Any = tasks.get(self.task)
        for name in self.path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    @property
    def aim_text(self) -> str:
        """The aim as it is written."""
        return self.aim_words or ("" if self.aim is None else f"{self.aim:.2f}")


def _by_source(source: str) -> tuple[str, ...]:
    return ("by_source", source, "exact-match")


def _by_type(kind: str) -> tuple[str, ...]:
    return ("by_type", kind, "exact-match")


ROWS = (
    Row("vqa", "easy-VQA questions", ("vqa-accuracy",),
        "majority 0.37, question alone 0.67", 0.92, first="0.870"),
    Row("statements", "true or false, about two easy-VQA pictures (balanced)", _by_source("easy-vqa"),
        "0.50", 0.90, first="0.517"),
    Row("statements", "true or false, about two OpenMoji drawings of concepts never trained on", _by_source("openmoji"),
        "0.50"),
    Row("gqa", "the group of an OpenMoji drawing, concepts never trained on", _by_type("unseen-group"),
        "majority 0.32, linear probe 0.524 ± 0.052", 0.524, "more than the probe", "0.541"),
    Row("gqa", "yes or no about concepts never trained on (balanced)", _by_type("unseen-yes-no"),
        "0.50", 0.75, first="0.706"),
    Row("video-choice", "BabyAI videos, one of four answers", ("exact-match",), "0.25", 0.70, first="0.827"),
    Row("video-choice", "of these, which came first", _by_type("order"), "", first="0.73"),
    Row("video-question", "BabyAI videos, open questions", ("exact-match",)),
    Row("captions", "easy-VQA pictures, exact match", _by_source("easy-vqa"), "", 0.90, first="0.989"),
    Row("video-captions", "BabyAI videos, colour and object exactly right", ("exact-match",),
        "majority 0.07", 0.50, first="0.535"),
)  # fmt: skip

SECONDS_AIM = 600
"""All of the quickstart on two idle cores: data, features, training, scores, controls."""
