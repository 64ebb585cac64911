"""Whole samples of many shards, on their way into new ones."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from multigraft.core.data.decode import LARGEST_MEMBER
from multigraft.core.data.records import RECORD_FIELD
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.data.shard_writer import LONGEST_NAME
from multigraft.core.data.upkeep.findings import Findings
from multigraft.core.errors import BadSample, MultigraftError, legible

_NO_KEY = re.compile(r"[./\\]")
_BETWEEN = len(".")


@dataclass(frozen=True)
class WholeSample:
    """The files of a sample, as they were."""

    key: str
    record: bytes | None
    media: Mapping[str, bytes]


@dataclass
class NewKeys:
    """Gives samples keys of which no two are equal, and which new shards can hold: slashes, which say in which folder a
    file lay, dots and unprintable characters become `_`, and a key that is too long loses its end."""

    reserved: frozenset[str] = frozenset()
    """Keys that a renamed sample must not get, since others have them."""
    renamed: int = 0
    first: str = ""
    """The first key that was changed, and what became of it."""
    _given: set[str] = field(default_factory=set)
    _next: Counter[str] = field(default_factory=Counter)

    def key(self, old: str, fields: Collection[str] = ()) -> str:
        """The key of the next sample, which has these fields."""
        room = LONGEST_NAME - max((len(field.encode()) for field in fields), default=0) - _BETWEEN
        plain = _NO_KEY.sub("_", old).lstrip("_") or "sample"
        plain = _cut("".join(each if each.isprintable() else "_" for each in plain), room) or "k"
        new = plain
        while new in self._given or (new != old and new in self.reserved):
            self._next[plain] += 1
            suffix = f"-{self._next[plain] + 1}"
            new = _cut(plain, room - len(suffix)) + suffix
        self._given.add(new)
        if new != old:
            self.renamed += 1
            self.first = self.first or legible(f"{old} is {new}")
        return new


def _cut(text: str, size: int) -> str:
    """As much of the start as has so many bytes."""
    return text.encode()[: max(0, size)].decode(errors="ignore")


def open_all(paths: Sequence[Path]) -> list[Shard]:
    """The shards at some paths.

    Raises:
        MultigraftError: some are no shards, or hold stored features, which belong to the content of another one; with
            all of these.
    """
    shards, refusals = list[Shard](), list[str]()
    for path in paths:
        try:
            shards.append(_opened(path))
        except MultigraftError as error:
            refusals.append(str(error))
    if refusals:
        raise MultigraftError("\n".join(refusals))
    return shards


def _opened(path: Path) -> Shard:
    shard = open_shard(path)
    if shard.index.head.holds_features:
        raise MultigraftError(
            f"{shard.name} holds stored features, which fit the shard alone that they were made of: "
            "take the shards of the data, and encode again"
        )
    return shard


def whole_samples(shard: Shard, findings: Findings) -> Iterator[tuple[int, WholeSample]]:
    """Number and files of each sample; damaged ones are left out, and counted."""
    for problem in shard.index.problems:
        findings.add_problem(shard.name, problem)
    for number, key in enumerate(shard.index.keys):
        try:
            files = {name: shard.read(number, name, LARGEST_MEMBER) for name in shard.index.fields_of(number)}
        except BadSample as error:
            findings.add(LEFT_OUT, shard.name, key, detail=str(error))
            continue
        yield number, WholeSample(key, files.pop(RECORD_FIELD, None), files)


LEFT_OUT = "sample left out"
"""Reason of a sample that could not be read and is not in the new shards."""
