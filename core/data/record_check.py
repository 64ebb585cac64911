"""What the index takes from a `KEY.json`: its annotations' tasks, and what is wrong with it."""

from dataclasses import dataclass, field
from typing import Any

from zlib_ng.zlib_ng import crc32

from multigraft.core.data.record_spans import annotation_spans
from multigraft.core.data.records import MOST_ANNOTATIONS, annotated, parse_json
from multigraft.core.errors import BadSample
from multigraft.core.types.annotation import LONGEST_NAME, Annotation, Record, parse_annotation, parse_head


@dataclass(frozen=True)
class Row:
    """An annotation that names its task: a row of the index."""

    position: int
    task: str
    source: str
    type: str
    start: int = 0
    """Where in the shard its text begins."""
    size: int = 0
    """Bytes of its text; none where it is bad, and the record says why."""
    crc: int = 0
    length: int = 0
    """Characters that a model reads or writes."""


@dataclass
class CheckedRecord:
    """A record whose annotations were looked at one by one."""

    annotations: int
    apart: bool = False
    """Whether its media are no fields of the sample."""
    rows: list[Row] = field(default_factory=list)
    bad: int = 0
    """Annotations that cannot be used."""
    first_fault: str = ""
    media: set[str] = field(default_factory=set)
    """Fields that annotations name, bad ones too."""
    wanted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Id and media, lower case, of each good annotation."""


def check_record(data: bytes, offset: int) -> CheckedRecord:
    """Decode a record that lies at an offset of its shard, and check its annotations, at most `MOST_ANNOTATIONS`.

    Raises:
        BadSample: `bad annotation`, it holds none at all.
    """
    value = annotated(parse_json(data))
    every = value["annotations"]
    checked = CheckedRecord(len(every))
    head = _head(value, checked)
    checked.apart = head is not None and head.apart
    spans = annotation_spans(data)
    for position, each in enumerate(every[:MOST_ANNOTATIONS]):
        source = _text(each, "source") or (head.source if head else _text(value, "source"))
        good = _check(checked, head, each, position)
        if task := _text(each, "task"):
            start, size = spans[position] if good else (0, 0)
            place = (offset + start, size, crc32(data[start : start + size]), _length(good) if good else 0)
            checked.rows.append(Row(position, task, source, _text(each, "type"), *place))
    beyond = len(every) - MOST_ANNOTATIONS
    if beyond > 0:
        checked.bad += beyond
        checked.first_fault = checked.first_fault or f"the record has more than {MOST_ANNOTATIONS} annotations"
    return checked


def _head(value: dict[str, Any], checked: CheckedRecord) -> Record | None:
    try:
        return parse_head(value)
    except BadSample as error:
        checked.first_fault = error.detail
        return None


def _check(checked: CheckedRecord, head: Record | None, value: Any, position: int) -> Annotation | None:
    """An annotation, if it is good."""
    media = value.get("media") if isinstance(value, dict) else None
    named = [each.lower() for each in media if isinstance(each, str)] if isinstance(media, list) else []
    checked.media.update(named)
    if head is None:
        checked.bad += 1
        return None
    try:
        annotation = parse_annotation(head, value, position)
    except BadSample as error:
        checked.bad += 1
        checked.first_fault = checked.first_fault or error.detail
        return None
    checked.wanted.append((annotation.id, tuple(map(str.lower, annotation.media))))
    return annotation


def _length(annotation: Annotation) -> int:
    """Characters of what a model reads, and of the longest that it may write."""
    written = (*(answer.text for answer in annotation.answers), *annotation.references)
    read = (annotation.text, annotation.context, *annotation.choices)
    return sum(map(len, read)) + max(map(len, written), default=0)


def _text(value: Any, name: str) -> str:
    """A text of an object that can be stored; empty where there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, str) or len(found) > LONGEST_NAME:
        return ""
    return found if found.isascii() or not any("\ud800" <= each <= "\udfff" for each in found) else ""
