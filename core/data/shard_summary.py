"""What files hold that may be shards, in plain values: for `multigraft data inspect`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from multigraft.core.data.file_kind import describe
from multigraft.core.data.index import ShardIndex
from multigraft.core.data.open_file import OpenFile
from multigraft.core.data.shard import Shard
from multigraft.core.data.tar_reader import RefusedShardError
from multigraft.core.errors import BadSample, MultigraftError, legible

_SHOWN = 3
_HEAD = 512


def summarize(path: Path) -> dict[str, Any]:
    """What a file is; samples, fields, annotations, first records and problems of a shard."""
    if what := _no_file(path):
        return _refused(path, what, f"{path}: it is {what}, not a file", 0)
    try:
        shard = Shard(path)
    except RefusedShardError as error:
        data = OpenFile(path)
        return _refused(path, describe(data.read(0, _HEAD))[0] or "not a shard", str(error), data.size)
    except MultigraftError as error:
        return _refused(path, "a file that cannot be read", str(error), 0)
    index = shard.index
    return {
        "shard": legible(str(path)),
        "kind": _kind(index),
        "bytes": index.stamp[0],
        "samples": index.head.samples,
        "fields": _fields(index),
        "annotations": _annotations(index),
        "records": _records(shard),
        "problems": [asdict(problem) for problem in index.problems],
    }


def total(files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All of several files together, and each of them under `files`; of one file, its name too."""
    one = {"shard": files[0]["shard"]} if len(files) == 1 else {}
    kinds = Counter(file["kind"] for file in files)
    return {
        **one,
        "kind": ", ".join(f"{count} x {kind}" if len(files) > 1 else kind for kind, count in kinds.items()),
        "bytes": sum(file["bytes"] for file in files),
        "samples": sum(file["samples"] for file in files),
        "fields": _added([row for file in files for row in file["fields"]]),
        "annotations": _counted([row for file in files for row in file["annotations"]]),
        "records": next((file["records"] for file in files if file["records"]), []),
        "problems": [{"shard": file["shard"], **problem} for file in files for problem in file["problems"]],
        "files": list(files),
    }


def _kind(index: ShardIndex) -> str:
    if not index.head.samples:
        return "a shard without samples"
    return "shard of stored features" if index.head.holds_features else "shard"


def _no_file(path: Path) -> str:
    """What a path is that is no file; empty for a file."""
    if path.is_file():
        return ""
    if path.is_dir():
        return "a folder"
    if path.is_symlink() and not path.exists():
        return "a link to what is not there"
    return "a pipe, a socket or a device" if path.exists() else "not there"


def _refused(path: Path, kind: str, message: str, size: int) -> dict[str, Any]:
    detail = message.encode("utf-8", "backslashreplace").decode()
    problem = {"key": "", "reason": "no shard", "detail": detail, "annotation": "", "count": 1}
    return {
        "shard": legible(str(path)),
        "kind": kind,
        "bytes": size,
        "samples": 0,
        "fields": [],
        "annotations": [],
        "records": [],
        "problems": [problem],
    }


def _fields(index: ShardIndex) -> list[dict[str, Any]]:
    if not index.head.samples:
        return []
    members = index.members
    order = np.argsort(members.field, kind="stable")
    numbers, starts = np.unique(members.field[order], return_index=True)
    groups = np.split(members.size[order], starts[1:])
    return [
        {
            "field": index.head.fields[number], "files": len(sizes), "bytes": int(sizes.sum()),
            "smallest": int(sizes.min()), "largest": int(sizes.max()),
        }
        for number, sizes in zip(numbers.tolist(), groups, strict=True)
    ]  # fmt: skip


def _added(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `fields`, those of one field added up."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = found.get(row["field"])
        if known is None:
            found[row["field"]] = dict(row)
            continue
        known["files"] += row["files"]
        known["bytes"] += row["bytes"]
        known["smallest"] = min(known["smallest"], row["smallest"])
        known["largest"] = max(known["largest"], row["largest"])
    return list(found.values())


def _annotations(index: ShardIndex) -> list[dict[str, Any]]:
    columns = index.annotations
    counts = Counter(zip(columns.task.tolist(), columns.source.tolist(), columns.type.tolist(), strict=True))
    return [
        {
            "task": legible(index.head.tasks[task]), "source": legible(index.head.sources[source]),
            "type": legible(index.head.types[type_]), "annotations": count,
        }
        for (task, source, type_), count in sorted(counts.items())
    ]  # fmt: skip


def _counted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `annotations`, equal ones added up."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        counts[row["task"], row["source"], row["type"]] += row["annotations"]
    return [{"task": t, "source": s, "type": kind, "annotations": n} for (t, s, kind), n in counts.items()]


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
