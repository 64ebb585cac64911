"""What a packing that is not finished has done so far, so that it can go on after its last whole shard."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from multigraft.core.atomic import sync
from multigraft.core.data.shard_writer import ShardFacts
from multigraft.core.interfaces.source import Dropped


@dataclass
class Done:
    """How far a packing has come."""

    groups: int = 0
    """Groups that are written or dropped."""
    samples: int = 0
    annotations: int = 0


class ProgressFile:
    """`.PREFIX.packing`: a line with what is packed, and one for each shard that is finished.

    Args:
        begun: what is packed, and how: plain values.
    """

    def __init__(self, path: Path, begun: Mapping[str, Any]) -> None:
        self.path, self._begun = path, dict(begun)
        self.done = Done()
        self.shards: dict[str, ShardFacts] = {}
        self.dropped: list[Dropped] = []
        """What was dropped while these shards were written."""

    def restore(self) -> dict[str, Any] | None:
        """Read what another process has left; what it had begun, or None where there is nothing that can be read.

        Lines that were cut or cannot be read, and those from the first shard on that is not there, are forgotten.
        """
        first, *others = self._whole_lines() or [b""]
        begun = _read(first)
        if begun is None or begun != self._begun:
            return begun
        kept = len(first)
        for line in others:
            if not self._take(_read(line)):
                break
            kept += len(line)
        os.truncate(self.path, kept)
        return begun

    @property
    def exists(self) -> bool:
        """Whether another process has left something, which need not be readable."""
        return self.path.exists()

    def begin(self) -> None:
        """Write the first line."""
        self.path.write_text(json.dumps(self._begun) + "\n", encoding="utf-8")

    def add(self, shard: Path, facts: ShardFacts, done: Done, dropped: Sequence[Dropped]) -> None:
        """A shard is finished, and brought to the disk first."""
        sync(shard)
        line = {
            "shard": shard.name, "facts": asdict(facts), "done": asdict(done), "dropped": list(map(asdict, dropped)),
        }  # fmt: skip
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._remember(line)

    def remove(self) -> None:
        """Nothing is left to do."""
        self.path.unlink(missing_ok=True)

    def _whole_lines(self) -> list[bytes]:
        held = self.path.read_bytes() if self.path.exists() else b""
        return [line for line in held.splitlines(keepends=True) if line.endswith(b"\n")]

    def _take(self, line: Mapping[str, Any] | None) -> bool:
        """Remember a line, if it can be read and its shard is still there."""
        if line is None:
            return False
        try:
            shard = self.path.with_name(line["shard"])
            there = shard.is_file() and shard.stat().st_size == line["facts"]["bytes"]
            if there:
                self._remember(line)
        except (KeyError, TypeError, ValueError):
            return False
        return there

    def _remember(self, line: Mapping[str, Any]) -> None:
        facts, done = ShardFacts(**line["facts"]), Done(**line["done"])
        dropped = [Dropped(**each) for each in line["dropped"]]
        self.shards[line["shard"]], self.done = facts, done
        self.dropped += dropped


def _read(line: bytes) -> dict[str, Any] | None:
    """The object of a line; None where it is none."""
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
