"""Opens shards by the patterns of a recipe, local ones and others."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from multigraft.core.data.manifest import missing_files_of
from multigraft.core.data.paths import expand
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.remote.address import Address, addresses_of, is_remote
from multigraft.core.data.remote.remote_shard import RemoteShards
from multigraft.core.data.shard import Shard
from multigraft.core.data.skipped import Skipped
from multigraft.core.errors import MultigraftError
from multigraft.core.options.source_options import SourceOptions

ShardPlace = Path | Address
"""Where a shard is."""
_THREADS = 16
"""In which remote shards are asked for."""


@dataclass(frozen=True)
class SourceShards:
    """What stands for a source of a recipe: shards without media, and rows that cannot be used."""

    shards: Sequence[Shard]
    dropped: Sequence[Skipped]


class OpenShards:
    """Opens shards, as they are when they are first asked for.

    Args:
        remote: opens those that are no local files; they are refused if left out.
        of_source: makes the shards of a source.
    """

    def __init__(
        self, remote: RemoteShards | None = None, of_source: Callable[[SourceOptions], SourceShards] | None = None
    ) -> None:
        self._shards: dict[str, Shard | None] = {}
        self._remote, self._of_source = remote, of_source
        self._sources: dict[str, SourceShards] = {}
        self.named = lru_cache(maxsize=None)(_named)
        """The shards that a pattern names, as `expand`."""
        self.lacking = lru_cache(maxsize=None)(missing_files_of)
        """Which files a folder lacks that its manifest names."""

    def of_source(self, options: SourceOptions) -> SourceShards:
        """The shards of a source, made when they are first asked for.

        Raises:
            MultigraftError: it cannot be used.
        """
        name = options.model_dump_json()
        if name not in self._sources:
            if self._of_source is None:
                raise MultigraftError(f"the source {options.kind!r} cannot be read here")
            self._sources[name] = self._of_source(options)
        return self._sources[name]

    def shards(self, places: Sequence[ShardPlace]) -> list[Shard | None]:
        """The shards at some places; None where there is none.

        Raises:
            MultigraftError: one cannot be reached.
            RefusedShardError: not a tar that can be used.
        """
        asked = [each for each in dict.fromkeys(places) if isinstance(each, Address) and each.text not in self._shards]
        for address, shard in zip(asked, in_order(self._reached, asked, _THREADS, 2 * _THREADS), strict=True):
            self._shards[address.text] = shard
        return [self._shards[each.text] if isinstance(each, Address) else self._local(each) for each in places]

    def _local(self, path: Path) -> Shard | None:
        name = os.fspath(path)
        if name not in self._shards:
            self._shards[name] = Shard(path) if os.path.isfile(name) else None
        return self._shards[name]

    def _reached(self, address: Address) -> Shard | None:
        if self._remote is None:
            raise MultigraftError(f"{address} is no local file")
        return self._remote.open(address)


def _named(pattern: str, root: Path) -> Sequence[ShardPlace]:
    return addresses_of(pattern) if is_remote(pattern) else expand(pattern, root)
