"""What the model said, beside what it should have said."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A reference answer with its soft score in [0, 1]."""

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
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Prediction":
        """The row that `to_json` wrote."""
        known = dict(row)
        known["answers"] = tuple(Answer(**answer) for answer in known.get("answers", ()))
        for name in ("references", "choices", "media"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)
