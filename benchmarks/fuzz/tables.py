"""Hostile tables: the files that sources read, changed in their values or in their bytes."""

import csv
import json
from io import BytesIO, StringIO
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from ends import Ends
from noise import noisy

from multigraft.core.data.media_store import MediaStore, media_name
from multigraft.core.interfaces.source import Dropped, Source
from multigraft.plugins.sources import coco, llava, table
from multigraft.plugins.sources.options import CocoOptions, LlavaOptions, TableOptions

FORMS = ("csv", "tsv", "json", "jsonl", "parquet", "arrow", "coco.json", "llava.json", "llava.jsonl")
_TURNS = [{"from": "human", "value": "<image> what?"}, {"from": "gpt", "value": "red"}]
_MOST_MEDIA = 50


def sound_rows(form: str, rows: list[dict[str, Any]]) -> Any:
    """What a file of a form holds, from annotations."""
    if form.startswith("llava"):
        turns = [[dict(each) for each in _TURNS] for _ in rows]
        return [
            {"id": row["id"], "image": row["media"], "conversations": said}
            for row, said in zip(rows, turns, strict=True)
        ]
    if form.startswith("coco"):
        return {
            "images": [{"id": number, "file_name": "0.png"} for number, _ in enumerate(rows)],
            "annotations": [{"image_id": number, "category_id": 1} for number, _ in enumerate(rows)]
            + [{"image_id": 0, "caption": "a red square"}],
            "categories": [{"id": 1, "name": "red"}],
        }
    return rows


def encoded(form: str, value: Any) -> bytes:
    """A file; what a form cannot hold is JSON in it."""
    if form in ("csv", "tsv"):
        rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
        target = StringIO()
        columns = list({name: None for row in rows for name in row})
        writer = csv.DictWriter(target, columns, delimiter="," if form == "csv" else "\t")
        writer.writeheader()
        writer.writerows({name: _cell(each) for name, each in row.items()} for row in rows)
        return target.getvalue().encode("utf-8", "surrogatepass")
    if form in ("parquet", "arrow"):
        return _arrow(form, value)
    if form.endswith("jsonl"):
        return "\n".join(map(json.dumps, value if isinstance(value, list) else [value])).encode()
    return json.dumps(value).encode()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _arrow(form: str, value: Any) -> bytes:
    try:
        made = pa.Table.from_pylist([row | {"picture": {"bytes": b"x", "path": "a.png"}} for row in value])
    except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError, UnicodeError):
        made = pa.table({"text": ["a", None], "media": [["0.png"], None], "weight": [1.5, float("nan")]})
    target = BytesIO()
    if form == "parquet":
        pa.parquet.write_table(made, target)
    else:
        with pa.ipc.new_file(target, made.schema) as writer:
            writer.write_table(made)
    return target.getvalue()


def damaged(draw: Random, form: str, data: bytes) -> bytes:
    return noisy(draw, data) if draw.random() < (0.8 if form in ("parquet", "arrow") else 0.3) else data


def read_table(path: Path, ends: Ends) -> None:
    """All annotations, and where their media lie."""
    form = path.name.partition(".")[2]
    given: dict[str, Any] = {"files": [str(path)], "task": "vqa"}
    source = ends.of(_source, form, given)
    annotations = ends.of(lambda: list(source.annotations())) if source else None
    store = ends.of(MediaStore.of, source.media, source.embedded) if source else None
    for each in annotations or ():
        if isinstance(each, Dropped):
            f"{each.row} {each.reason} {each.detail}".encode("utf-8", "surrogatepass")
            continue
        each.model_dump_json().encode()
        for name in each.media[:_MOST_MEDIA]:
            ends.of(lambda name=name: store.read(media_name(name)))


def _source(form: str, given: dict[str, Any]) -> Source:
    if form.startswith("llava"):
        return llava.build(LlavaOptions(kind="llava", history=True, **given))
    if form.startswith("coco"):
        return coco.build(CocoOptions(kind="coco", **given))
    return table.build(TableOptions(kind="table", **given))
