"""What the model said, beside what it should have said."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """An answer with its score: of a reference the soft score in [0, 1], of the model its log-probability."""

    text: str
    score: float = 1.0


@dataclass(frozen=True)
class Prediction:
    """What the model said about one annotation, beside what it should have said."""

    id: str
    output: str
    references: tuple[str, ...]
    """Texts to compare with: captions, or the answers of all annotators, repeats kept."""
    answers: tuple[Answer, ...] = ()
    """Soft-scored answers, where the data has them."""
    source: str = ""
    type: str = ""
    text: str = ""
    """The input text without the task's prefix: the question or the statement."""
    choices: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    """`SHARD#KEY.FIELD` of each medium, for reports."""
    score: float | None = None
    """The task's main metric for this row alone, where it has one."""
    confidence: float | None = None
    """Log-probability that the model gives its output, where its evaluator computes that."""
    others: tuple[Answer, ...] = ()
    """Answers behind the output with their log-probabilities, best first."""
    ranked: tuple[tuple[str, float], ...] = ()
    """Ids that were ranked for this row with their scores, best first."""
    relevant: tuple[str, ...] = ()
    """Ids that are right for this row."""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def published_id(self) -> str:
        """What the data set itself calls the row: what its id has behind the first `#`, or all of it."""
        return self.id.partition("#")[2] or self.id

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Prediction":
        """The row that `to_json` wrote."""
        known = dict(row)
        for name in ("answers", "others"):
            known[name] = tuple(Answer(**answer) for answer in known.get(name, ()))
        for name in ("references", "choices", "media", "relevant"):
            known[name] = tuple(known.get(name, ()))
        known["ranked"] = tuple((name, score) for name, score in known.get("ranked", ()))
        return cls(**known)
