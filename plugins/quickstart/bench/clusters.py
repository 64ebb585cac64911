"""Clusters of scored samples: what is about one picture, one concept or one episode is not independent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from multigraft import Prediction


@dataclass(frozen=True)
class Clustered:
    """The scores of all tasks by cluster; a cluster has its number in all of them."""

    names: tuple[str, ...]
    """The first medium of each cluster, in order."""
    tasks: Mapping[str, Mapping[int, Sequence[float]]]
    """By task and cluster the scores of its rows."""

    def to_json(self) -> dict[str, Any]:
        """Their number, a hash of their names, and of each task its clusters with the sums and the numbers of rows."""
        digest = blake2b("\n".join(self.names).encode(), digest_size=8).hexdigest()
        return {
            "count": len(self.names),
            "names": digest,
            "tasks": {
                task: {
                    "clusters": list(found),
                    "sums": [sum(scores) for scores in found.values()],
                    "rows": [len(scores) for scores in found.values()],
                }
                for task, found in self.tasks.items()
            },
        }


def clustered(predictions: Mapping[str, Sequence[tuple[Prediction, float]]]) -> Clustered:
    """The scored rows of all tasks in clusters.

    Rows about one medium are one cluster, whatever their task: a picture (of OpenMoji, which draws a concept once, a
    concept) or an episode. A statement about two pictures joins theirs. A row without media is one of its own.
    """
    media = {
        (task, place): row.media or (f"{task} {row.id}",)
        for task, rows in predictions.items()
        for place, (row, _) in enumerate(rows)
    }
    first = _first_of_each(list(media.values()))
    names = tuple(sorted(set(first.values())))
    number = {name: place for place, name in enumerate(names)}
    tasks: dict[str, dict[int, list[float]]] = {task: {} for task in predictions}
    for (task, place), own in media.items():
        tasks[task].setdefault(number[first[own[0]]], []).append(predictions[task][place][1])
    return Clustered(names, {task: dict(sorted(found.items())) for task, found in tasks.items()})


def _first_of_each(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """Of each medium the first, by name, of all that are joined to it: by a group, or by a chain of groups."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for group in groups:
        for name in group:
            low, high = sorted((root(group[0]), root(name)))
            parent[high] = low
    return {name: root(name) for name in list(parent)}
