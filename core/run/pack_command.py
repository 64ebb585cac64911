"""The command that packs a source of a recipe."""

import shlex
from collections.abc import Iterator

from pydantic_core import to_json

from multigraft.core.options.options import TaskOptions
from multigraft.core.options.source_options import SourceOptions


def pack_command(source: SourceOptions, task: TaskOptions, split: str) -> str:
    """`multigraft data pack ...` for a source among the data of a task."""
    words = ["multigraft", "data", "pack", *source.files, "packed", *_options(source, task)]
    return shlex.join([*words, *(["--prefix", split] if split != "train" else [])])


def _options(source: SourceOptions, task: TaskOptions) -> Iterator[str]:
    names = source.model_fields_set - {"kind", "files", "task", "media"}
    given = {name: getattr(source, name) for name in type(source).model_fields if name in names}
    yield from ("--task", source.task or task.annotations or task.kind.rpartition("/")[2])
    if source.kind != "table":
        yield from ("--kind", source.kind)
    for each in source.media:
        yield from ("--media", each)
    columns = given.pop("map", {})
    if columns:
        yield from ("--map", ",".join(f"{column}={field}" for column, fields in columns.items() for field in fields))
    for name, value in given.items():
        yield from ("--set", f"{name}={value if isinstance(value, str) else to_json(value).decode()}")
