"""What is in a shard, in plain values: for `multigraft data inspect`."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from multigraft.core.data.index import ShardIndex
from multigraft.core.data.media import BadSample
from multigraft.core.data.shard import Shard

_SHOWN = 3


def summarize(path: Path) -> dict[str, Any]:
    """Samples, fields, annotations, first records and problems of a shard.

    Raises:
        MultigraftError: there is no such shard, or it cannot be used.
    """
    shard = Shard(path)
    index = shard.index
    return {
        "shard": str(path),
        "bytes": index.stamp[0],
        "samples": len(index.keys),
        "fields": _fields(index),
        "annotations": _annotations(index),
        "records": _records(shard),
        "problems": [asdict(problem) for problem in index.problems],
    }


def _fields(index: ShardIndex) -> list[dict[str, Any]]:
    rows = []
    for number, name in enumerate(index.fields):
        sizes = index.members.size[index.members.field == number]
        if len(sizes):
            extremes = {"smallest": int(sizes.min()), "largest": int(sizes.max())}
            rows.append({"field": name, "files": len(sizes), "bytes": int(sizes.sum()), **extremes})
    return rows


def _annotations(index: ShardIndex) -> list[dict[str, Any]]:
    columns = index.annotations
    counts = Counter(zip(columns.task.tolist(), columns.source.tolist(), columns.type.tolist(), strict=True))
    return [
        {"task": index.tasks[task], "source": index.sources[source], "type": index.types[type_], "annotations": count}
        for (task, source, type_), count in sorted(counts.items())
    ]


def _records(shard: Shard) -> list[dict[str, Any]]:
    """The first samples, each with its fields and the first of its annotations."""
    samples, firsts = np.unique(shard.index.annotations.sample, return_index=True)
    first = dict(zip(samples.tolist(), firsts.tolist(), strict=True))
    return [
        {
            "key": key,
            "fields": shard.index.fields_of(sample),
            "annotation": _annotation(shard, first[sample]) if sample in first else None,
        }
        for sample, key in enumerate(shard.index.keys[:_SHOWN])
    ]


def _annotation(shard: Shard, row: int) -> dict[str, Any]:
    try:
        return shard.annotation(row).model_dump(mode="json", exclude_defaults=True)
    except BadSample as error:
        return {"problem": str(error)}
