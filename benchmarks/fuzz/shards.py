"""Reads everything that is in a shard, as runs, `data inspect` and packing do."""

import json
from pathlib import Path
from random import Random

from ends import Ends

from multigraft.core.data.decode import LARGEST_MEMBER
from multigraft.core.data.media_limit import MediaLimit
from multigraft.core.data.media_store import MediaStore
from multigraft.core.data.shard import Shard
from multigraft.core.data.shard_summary import summarize, total
from multigraft.core.interfaces.task import Task
from multigraft.core.types.annotation import Annotation

_LIMIT = MediaLimit({"image": 2}, {"png": "image"})


def read_shard(path: Path, ends: Ends, tasks: tuple[Task, ...] = ()) -> None:
    shard = ends.of(Shard, path)
    ends.of(_summary, path)
    ends.of(_media, path)
    if shard is None:
        return
    index = shard.index
    for sample in range(index.head.samples):
        ends.of(index.key, sample)
        for field in ends.of(index.fields_of, sample) or ():
            ends.of(shard.read, sample, field, LARGEST_MEMBER)
    groups = index.groups(index.head.tasks)
    for number in range(sum(count for _, count in groups)):
        row = ends.of(index.row, groups, number)
        annotation = None if row is None else ends.of(shard.annotation, row)
        if annotation is not None:
            _use(annotation, tasks, ends)
    ends.of(lambda: index.problems)


def _use(annotation: Annotation, tasks: tuple[Task, ...], ends: Ends) -> None:
    """What a run makes of an annotation before any medium is read."""
    annotation.model_dump_json().encode()
    ends.of(_LIMIT.check, annotation.media)
    for task in tasks:
        for draw in (Random(0), None):
            ends.of(task.example, annotation, draw)
        ends.of(task.ask, annotation)
        ends.of(task.prediction, annotation, "an answer")


def _summary(path: Path) -> None:
    json.dumps(total([summarize(path)]), ensure_ascii=False, allow_nan=False).encode()


def _media(path: Path) -> None:
    store = MediaStore.of([path])
    for key in Shard(path).index.keys[:20]:
        store.read(f"{key}.png")
