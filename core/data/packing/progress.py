"""What a packing that is not finished has done so far, so that it can go on after its last whole shard."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
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
        self._path, self._begun = path, dict(begun)
        self.done = Done()
        self.shards: dict[str, ShardFacts] = {}
        self.dropped: list[Dropped] = []
        """What was dropped while these shards were written."""

    def restore(self) -> dict[str, Any] | None:
        """Read what another process has left; what it had begun, or None where there is nothing.

        Lines that were cut, and those from the first shard on that is not there, are forgotten.
        """
        if not self._path.exists():
            return None
        kept, begun = 0, None
        for line in self._whole_lines():
            read = json.loads(line)
            if begun is None:
                begun = read
                if begun != self._begun:
                    return dict(begun)
            elif not self._take(read):
                break
            kept += len(line)
        os.truncate(self._path, kept)
        return begun

    def begin(self) -> None:
        """Write the first line."""
        self._path.write_text(json.dumps(self._begun) + "\n", encoding="utf-8")

    def add(self, shard: Path, facts: ShardFacts, done: Done, dropped: Sequence[Dropped]) -> None:
        """A shard is finished, and brought to the disk first."""
        sync(shard)
        line = {
            "shard": shard.name, "facts": asdict(facts), "done": asdict(done), "dropped": list(map(asdict, dropped)),
        }  # fmt: skip
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._remember(line)

    def remove(self) -> None:
        """Nothing is left to do."""
        self._path.unlink(missing_ok=True)

    def _whole_lines(self) -> Iterator[bytes]:
        return (line for line in self._path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n"))

    def _take(self, line: Mapping[str, Any]) -> bool:
        """Remember a line, if its shard is still there."""
        shard = self._path.with_name(line["shard"])
        there = shard.is_file() and shard.stat().st_size == line["facts"]["bytes"]
        if there:
            self._remember(line)
        return there

    def _remember(self, line: Mapping[str, Any]) -> None:
        self.shards[line["shard"]] = ShardFacts(**line["facts"])
        self.done = Done(**line["done"])
        self.dropped += [Dropped(**each) for each in line["dropped"]]
