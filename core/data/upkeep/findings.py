"""What is wrong with data: counted by reason, with the first of each."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from multigraft.core.data.index import Problem
from multigraft.core.errors import legible


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `key` and `annotation` are empty where it is not about one."""

    reason: str
    file: str
    key: str = ""
    annotation: str = ""
    detail: str = ""


class Findings:
    """Collects what is wrong in bounded memory."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By reason."""
        self.first: dict[str, Finding] = {}

    def add(self, reason: str, file: object, key: str = "", annotation: str = "", detail: str = "") -> None:
        """Count one thing."""
        self._count(Finding(reason, *map(legible, (str(file), key, annotation, detail))), 1)

    def add_problem(self, file: object, problem: Problem) -> None:
        """Count what the index of a shard tells."""
        place = map(legible, (str(file), problem.key, problem.annotation, problem.detail))
        self._count(Finding(problem.reason, *place), problem.count)

    def _count(self, finding: Finding, count: int) -> None:
        self.counts[finding.reason] += count
        self.first.setdefault(finding.reason, finding)

    def __bool__(self) -> bool:
        return bool(self.counts)

    def rows(self) -> list[dict[str, Any]]:
        """Each reason with its count and its first finding, the most frequent first."""
        return [
            {"reason": reason, "count": count, "first": _without_reason(self.first[reason])}
            for reason, count in self.counts.most_common()
        ]


def _without_reason(finding: Finding) -> dict[str, str]:
    return {name: value for name, value in asdict(finding).items() if name != "reason"}
