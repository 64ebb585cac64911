"""`draws.jsonl`: a line for each step of a search, with every draw."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from multigraft.core.atomic import write_text, writing
from multigraft.core.interfaces.search_strategy import Arms, ScoredDraw

FILE = "draws.jsonl"


@dataclass(frozen=True)
class SearchStep:
    """What was done in a step."""

    step: int
    """Counted from 1."""
    trained: Arms
    losses: Mapping[str, float]
    """By task."""
    scored: Sequence[ScoredDraw]
    by_task: Sequence[Mapping[str, float]]
    """Of each draw that was scored, in percent."""
    rewards: Sequence[Sequence[float | None]]
    """Of each draw that was scored, by choice."""
    preferences: Sequence[Sequence[float | None]]
    """After the step."""

    def line(self) -> str:
        """As JSON; values are told by their numbers, which `search.json` explains."""
        scored = [
            {"arms": draw.arms, "batch": draw.batch, "tasks": dict(tasks), "rewards": rewards}
            for draw, tasks, rewards in zip(self.scored, self.by_task, self.rewards, strict=True)
        ]
        return json.dumps({
            "step": self.step, "trained": self.trained, "losses": dict(self.losses), "scored": scored,
            "preferences": self.preferences,
        })  # fmt: skip


class DrawsFile:
    """Appends lines; those of steps that will be made again are dropped first."""

    def __init__(self, folder: Path, steps_made: int) -> None:
        self._path = folder / FILE
        kept = [row for row in read_draws(folder) if row["step"] <= steps_made]
        write_text(self._path, "".join(json.dumps(row) + "\n" for row in kept))
        self._file: TextIO = self._path.open("a", encoding="utf-8")

    def add(self, step: SearchStep) -> None:
        """Write a step."""
        with writing(self._path):
            self._file.write(step.line() + "\n")
            self._file.flush()

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def read_draws(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of a folder's file, if it has one."""
    path = folder / FILE
    if not path.is_file():
        return []
    return [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")
    ]
