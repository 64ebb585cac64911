"""Shards that lie elsewhere: their index is here, and their bytes are fetched when something of them is read."""

import sys
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Lock

from multigraft.core.atomic import written_whole
from multigraft.core.data.index import ShardIndex, index_path
from multigraft.core.data.index_file import most_index_bytes
from multigraft.core.data.indexing import load_index, open_index, stored_index
from multigraft.core.data.manifest import MANIFEST, Promise, promises_of, sha256_of
from multigraft.core.data.open_file import OpenFile
from multigraft.core.data.remote.address import PIPE, Address, fault_of
from multigraft.core.data.remote.cache import Entry, ShardCache
from multigraft.core.data.remote.pipes import spool
from multigraft.core.data.remote.retrying import GoneError, tried
from multigraft.core.data.remote.transport import Facts, download, facts_of, small_file
from multigraft.core.data.shard import Shard
from multigraft.core.errors import MultigraftError

_LARGEST_MANIFEST = 64 << 20


class RemoteShard(Shard):
    """A shard of which there is a local copy at most. `path` is where that lies when there is one."""

    def __init__(self, source: Address, entry: Entry, cache: ShardCache, index: ShardIndex) -> None:
        super().__init__(cache.path(entry), index)
        self._source, self._cache = source, cache
        self._entry = replace(entry, time=index.stamp[1])

    @property
    def name(self) -> str:
        """Its address."""
        return str(self._source)

    @property
    def address(self) -> str:
        """As in the recipe."""
        return self._source.text

    def _file(self) -> OpenFile:
        return self._cache.opened(self._entry)

    @property
    def _advice(self) -> str:
        return f"remove its copy {self.path}, which is then fetched again, if it is right where it comes from"


class RemoteShards:
    """Opens shards by their addresses.

    Args:
        allow_pipes: whether addresses may be commands.
    """

    def __init__(self, cache: ShardCache, allow_pipes: bool = False) -> None:
        self._cache, self._allow_pipes = cache, allow_pipes
        self._lock = Lock()
        self._manifests: dict[Address, dict[str, Promise]] = {}

    def open(self, address: Address) -> Shard | None:
        """The shard at an address; None where there is none. If its index lies beside it, it alone is fetched now.

        Raises:
            MultigraftError: it cannot be reached, or is a command and may not be.
            RefusedShardError: not a tar that can be used.
        """
        if fault := fault_of(address.text, self._allow_pipes):
            raise MultigraftError(fault)
        if address.is_pipe:
            return self._piped(address)
        try:
            facts = facts_of(address)
        except GoneError as error:
            print(error, file=sys.stderr, flush=True)
            return None
        key = _key(address.text, str(facts.size), facts.mark)
        entry = Entry(key, address.name, str(address), facts.size, partial(self._fetch, address, facts))
        index = self._index_here(entry) or self._index_there(address, entry, facts)
        return RemoteShard(address, entry, self._cache, index or self._made_index(entry))

    def _index_here(self, entry: Entry) -> ShardIndex | None:
        try:
            index = open_index(self._cache.path(entry))
        except (OSError, ValueError):
            return None
        return index if entry.size in (None, index.stamp[0]) else None

    def _index_there(self, address: Address, entry: Entry, facts: Facts) -> ShardIndex | None:
        """The index beside the shard, now beside its copy's place; None where there is none that fits."""
        data = small_file(address.index, most_index_bytes(facts.size))
        if data is None:
            return None
        path = self._cache.path(entry)
        with self._cache.folder_of(entry):
            with written_whole(index_path(path)) as temporary:
                temporary.write_bytes(data)
            try:
                if stored_index(path).stamp[0] == facts.size:
                    return open_index(path)
                why = "it is of a shard of another size"
            except ValueError as error:
                why = str(error)
            index_path(path).unlink()
        print(f"{address.index} is of no use, and made here: {why}", file=sys.stderr, flush=True)
        return None

    def _made_index(self, entry: Entry) -> ShardIndex:
        """The index of a copy, which is fetched for it."""
        held = self._cache.opened(entry)
        index = load_index(self._cache.path(entry))
        del held
        return index

    def _fetch(self, address: Address, facts: Facts, target: Path, most: int) -> None:
        promise = self._promise(address)

        def once() -> None:
            download(address, facts, target)
            if promise and promise.sha256 and sha256_of(target) != promise.sha256:
                raise OSError(f"its SHA-256 is not that of the {MANIFEST} beside it")

        tried(f"fetching {address}", once)

    def _promise(self, address: Address) -> Promise | None:
        """What the manifest beside a shard says of it, if there is one."""
        where = address.beside(MANIFEST)
        with self._lock:
            if where not in self._manifests:
                self._manifests[where] = _promises(where)
        return self._manifests[where].get(address.last)

    def _piped(self, address: Address) -> Shard:
        """What a command gives, spooled once. A tar that is cut is an error: nobody knows how long it should be."""
        command = address.text.removeprefix(PIPE)

        def fetch(target: Path, most: int) -> None:
            tried(f"running {address}", lambda: spool(command, target, most))

        entry = Entry(_key(address.text), address.name, str(address), None, fetch)
        index = self._index_here(entry) or self._made_index(entry)
        cut = [problem.detail for problem in index.problems if problem.reason == "cut tar"]
        if cut:
            path = self._cache.path(entry)
            for each in (path, index_path(path)):
                each.unlink(missing_ok=True)
            raise MultigraftError(f"{address} gives a tar that is cut: {cut[0]}")
        return RemoteShard(address, entry, self._cache, index)


def _promises(manifest: Address) -> dict[str, Promise]:
    """What a remote manifest says; nothing where there is none."""
    data = small_file(manifest, _LARGEST_MANIFEST)
    if data is None:
        return {}
    try:
        return promises_of(data.decode())
    except ValueError as error:
        print(f"{manifest} is left out: {error}", file=sys.stderr, flush=True)
        return {}


def _key(*texts: str) -> str:
    """A hash of texts that no others have."""
    return blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()
