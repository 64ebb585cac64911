"""Hostile records: JSON that is valid and strange, or damaged, in a tar that is sound, or in the tables of sources."""

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from ends import Ends
from headers import tar
from noise import EXTREMES, noisy
from payloads import Payloads
from shards import read_shard
from tables import FORMS, damaged, encoded, read_table, sound_rows

from multigraft.core.interfaces.task import Task
from multigraft.core.registry.registry import default_registry

_FIELDS = (
    "id", "task", "type", "text", "context", "choices", "answers", "references", "span", "media", "weight", "source",
    "annotations", "score", "no such field", "__class__", "",
)  # fmt: skip
_TEXTS = (
    "", " ", "yes", "a\0b", "\ud83d", "\udc00\ud800", "\x1b[2J", "\u202e", "é" * 40, "x" * 70_000, "\n", "\ufeff",
    "0.png", "png", "../canary.png", "NaN", "1e999", "true", "<image>", "</s>", "<extra_id_0>", "A", "__import__",
    "\ud83d\ude00", "\U000e0001", "a b c d e f g",
)  # fmt: skip
_TABLES = 0.3
"""Of the cases."""
_NEEDED: dict[str, Any] = {"text-classification": {"objective": {"kind": "classification", "labels": ["good", "bad"]}}}


@cache
def tasks() -> tuple[Task, ...]:
    """All built-in tasks, with their defaults."""
    registry, made = default_registry(), []
    for kind in registry.names("tasks"):
        if "/" not in kind:
            given = {"kind": kind, "data": ["a.tar"]} | _NEEDED.get(kind, {})
            options = registry.options("tasks", kind).model_validate(given, context={"registry": registry})
            made.append(registry.build("tasks", options))
    return tuple(made)


def annotation(draw: Random, number: int) -> dict[str, Any]:
    """One that all tasks can use."""
    answers = [{"text": word, "score": draw.random()} for word in ("yes", "no")]
    return {
        "id": f"k/{number}", "task": draw.choice(("vqa", "captions")), "text": "what is red?",
        "media": ["0.png", "png"],
        "choices": ["yes", "no", "red"], "answers": answers, "references": ["a red square", "red"], "span": [0, 1.5],
    }  # fmt: skip


def record(draw: Random, key: str, count: int = 2) -> bytes:
    rows = [annotation(draw, number) for number in range(count)]
    return json.dumps({"id": key, "source": "s", "annotations": rows}).encode()


def hostile_record(draw: Random, payloads: Payloads) -> bytes:
    """Changed in its values, in its text, or both."""
    value: Any = json.loads(record(draw, "k", draw.choice((1, 2, 5))))
    for _ in range(draw.choice((0, 1, 1, 2, 4))):
        _change(draw, value, payloads)
    text = json.dumps(value, ensure_ascii=draw.random() < 0.5)
    if draw.random() < 0.3:
        text = _changed_text(draw, text)
    data = text.encode(draw.choice(("utf-8",) * 12 + ("utf-16", "utf-32", "utf-8-sig")), "surrogatepass")
    return noisy(draw, data, 1) if draw.random() < 0.25 else data


def hostile_value(draw: Random, payloads: Payloads, depth: int = 0) -> Any:
    kind = draw.randrange(12 if depth < 3 else 8)
    if kind <= 2:
        return draw.choice((*_TEXTS, payloads.text(draw)))
    if kind <= 4:
        return draw.choice((*EXTREMES, 0.5, -0.0, 1e308, float("nan"), float("inf"), float("-inf"), 10**400, 5e-324))
    if kind <= 7:
        return draw.choice((None, True, False, [], {}, "", [[]], [None]))
    if kind <= 9:
        return [hostile_value(draw, payloads, depth + 1) for _ in range(draw.choice((1, 2, 3, 40)))]
    return {draw.choice((*_FIELDS, *_TEXTS)): hostile_value(draw, payloads, depth + 1) for _ in range(3)}


def _change(draw: Random, value: Any, payloads: Payloads) -> None:
    """Replace, add, take away or repeat something somewhere below."""
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = draw.choice(keys)
        below = value[key]
        if isinstance(below, dict | list) and below and draw.random() < 0.8:
            value = below
            continue
        kind = draw.randrange(8)
        if kind <= 4:
            value[key] = hostile_value(draw, payloads)
        elif kind == 5 and isinstance(value, dict):
            value[draw.choice(_FIELDS)] = hostile_value(draw, payloads)
        elif kind == 6 and isinstance(value, list):
            value.extend([below] * draw.choice((1, 10, 300)))
        else:
            del value[key]
        return


def _changed_text(draw: Random, text: str) -> str:
    """JSON that no value gives: keys twice, deep nests, huge numbers, half escapes, what is Python and no JSON."""
    depth, count = draw.choice((10, 900, 1100, 100_000)), draw.choice((100, 5000, 310_000))
    nests = ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "[" * depth, '{"a":' * depth)
    wide = ("[" + "0," * count + "0]", "[" + '"",' * count + '""]', "[" + "{}," * count + "{}]")
    odd = (
        "NaN", "-Infinity", "1e999999", "9" * 5000, "-0", "01", "1.", '"\\ud83d"', '"\\u00"', '"\\x41"', '"\n"', "\0",
        "//", "'a'", '"\\u0000"', "\ufeff", '"' + "\\" * 999, "[1,]",
    )  # fmt: skip
    new = draw.choice((draw.choice(nests), draw.choice(wide), draw.choice(odd), draw.choice(odd)))
    old = draw.choice(('"what is red?"', "null", '"yes"', "[0, 1.5]", '"k"', '"annotations":', "{", "[", "}"))
    twice = ('"annotations": [], "annotations":', '"id": 1, "id":', '"\\u0061nnotations": [{}], "annotations":')
    if draw.random() < 0.3:
        return text.replace('"annotations":', draw.choice(twice), 1)
    return text.replace(old, new, 1) if draw.random() < 0.9 else new


class Records:
    """Records as no honest program writes them, and what every built-in task makes of their annotations."""

    def __init__(self, watched: Path) -> None:
        self._payloads = Payloads(watched)

    def whole(self, folder: Path) -> None:
        self._pack(folder, record(Random(0), "k"))
        for form in FORMS:
            self._tabulate(Random(0), folder, form, changes=0)

    def make(self, draw: Random, folder: Path) -> None:
        if draw.random() < _TABLES:
            self._tabulate(draw, folder, draw.choice(FORMS))
        else:
            self._pack(folder, hostile_record(draw, self._payloads))

    def _tabulate(self, draw: Random, folder: Path, form: str, changes: int | None = None) -> None:
        value = sound_rows(form, [annotation(draw, number) for number in range(3)])
        for _ in range(draw.choice((0, 1, 1, 2, 4)) if changes is None else changes):
            _change(draw, value, self._payloads)
        data = encoded(form, value)
        (folder / f"table.{form}").write_bytes(data if changes == 0 else damaged(draw, form, data))

    def _pack(self, folder: Path, data: bytes) -> None:
        (folder / "x.tar").write_bytes(tar({"k.json": data, "k.0.png": b"x", "k.png": b"x"}))

    def read(self, folder: Path, ends: Ends) -> None:
        for path in sorted(folder.iterdir()):
            if path.name == "x.tar":
                read_shard(path, ends, tasks())
            elif path.name.startswith("table."):
                read_table(path, ends)
