"""Makes stored features: the frozen encoder runs once over all media that some tasks use."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from multigraft.core.data.decode import DecodeWorkers
from multigraft.core.data.encoded_list import EncodedList, Entry
from multigraft.core.data.feature_shard import FeatureShard
from multigraft.core.data.feature_tensors import Store
from multigraft.core.data.features import (
    claim_folder,
    feature_fingerprint,
    feature_folder,
    feature_shard,
    is_claimed,
    source_of,
)
from multigraft.core.data.shard import Shard
from multigraft.core.data.shard_encoding import Made, ShardEncoder
from multigraft.core.data.wanted_media import ShardSelection, ShardWork, Wanted, shard_selections
from multigraft.core.errors import MultigraftError
from multigraft.core.locking import next_writer, only_writer

if TYPE_CHECKING:
    from multigraft.core.data.source import TaskSource
    from multigraft.core.interfaces.encoder import Encoder
    from multigraft.core.interfaces.input import Input


MakeShards = Callable[[Path, Sequence[ShardWork], Callable[[int], None]], Iterator[tuple[int, Made]]]
"""Makes the feature shards of some shards in a folder, and calls with how many media more are done: the number of each
shard, and what came of it, in any order."""


@dataclass(frozen=True)
class StoredFeatures:
    """Where features lie, and what is there."""

    home: Path
    """The folder for `FeatureStore`."""
    shards: int
    """Shards whose media were asked for."""
    media: int
    """Media in their feature shards, those of other tasks too."""
    made: int
    """Those that were encoded now."""
    bad: Mapping[str, int]
    """Those that could not be decoded, by reason."""


def encode_features(
    sources: Sequence["TaskSource"],
    encoder: "Encoder",
    inputs: Sequence["Input"],
    workers: DecodeWorkers,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    thorough: bool = True,
    store: Store = "bf16",
    make: MakeShards | None = None,
) -> StoredFeatures:
    """Encode every medium that the sources' annotations name and the inputs read, shard by shard; what is there
    already, whole, is kept, and what the folder's list says of a shard is not looked for again.

    Args:
        inputs: those of the encoder's modality.
        folder: folder of all features; these come to lie in a folder of it that is named by their fingerprint.
        progress: called with the media done and all media of the shards that lack some.
        thorough: read what is there and no list vouches for, and make what is damaged again; else only look whether it
            is there.
        store: how tokens are stored.
        make: who makes feature shards; this process if left out.
    """
    fingerprint = feature_fingerprint(encoder, inputs, store)
    home = feature_folder(folder, fingerprint)
    asked = [each for each in shard_selections(sources, inputs) if each.groups]
    opened = {each.shard.path: each.shard for each in asked}
    making = _Making(home, thorough)
    lacking = [(each, wanted) for each in asked if (wanted := making.lacking(each))]
    if lacking or not is_claimed(home, fingerprint):
        with next_writer(home):
            claim_folder(home, fingerprint, _tell)
            try:
                making.make(lacking, make or partial(_make_here, opened, encoder, inputs, workers, store), progress)
            finally:
                making.listed.save()
    elif making.listed.has_news:
        _save(making.listed, home)
    return making.told(len(asked))


def _make_here(
    opened: Mapping[Path, Shard],
    encoder: "Encoder",
    inputs: Sequence["Input"],
    workers: DecodeWorkers,
    store: Store,
    home: Path,
    work: Sequence[ShardWork],
    advance: Callable[[int], None],
) -> Iterator[tuple[int, Made]]:
    worker = ShardEncoder(home, encoder, inputs, workers, _tell, store)
    try:
        for number, each in enumerate(work):
            yield number, worker.encode(each, advance, opened[each.shard])
    finally:
        worker.close()


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _save(listed: EncodedList, home: Path) -> None:
    """Save a list where that can be done now; without it the next start looks again."""
    try:
        with only_writer(home, ""):
            listed.save()
    except (MultigraftError, OSError):
        _tell(f"the list in {home} was left as it is, so the next start will look through these features again")


class _Making:
    """What is known of feature shards, from the list, from a look, and from making them.

    Args:
        thorough: as of `encode_features`.
    """

    def __init__(self, home: Path, thorough: bool) -> None:
        self._home, self._thorough = home, thorough
        self.listed = EncodedList(home, _tell)
        self._media, self._made, self._bad = 0, 0, Counter[str]()

    def lacking(self, asked: ShardSelection) -> list[Wanted]:
        """All that is wanted of a shard, where some of it is not stored or damaged; nothing where all is there."""
        path, named = feature_shard(self._home, asked.shard), asked.named
        if entry := self.listed.entry(path, named):
            self._count(entry)
            return []
        wanted = asked.media()
        entry = self._looked(path, asked, wanted)
        if entry is None:
            return wanted
        self._count(entry)
        if self._thorough:
            self.listed.note(path, entry.with_complete([named]))
        return []

    def _looked(self, path: Path, asked: ShardSelection, wanted: Sequence[Wanted]) -> Entry | None:
        """A feature shard that holds all that is wanted; None where it does not."""
        if not path.is_file():
            return None if wanted else Entry(None, 0, {}, ())
        stored = FeatureShard(path, source_of(self._home, asked.shard))
        if stored.damage or not all(each.key in stored for each in wanted):
            return None
        if not self._thorough:
            return Entry(stored.identity, len(stored), {}, ())
        sound = stored.sound()
        return None if sound.wrong else Entry(stored.identity, len(stored), Counter(sound.bad.values()), ())

    def make(
        self,
        lacking: Sequence[tuple[ShardSelection, Sequence[Wanted]]],
        make: MakeShards,
        progress: Callable[[int, int], None],
    ) -> None:
        """Make what the features of each shard lack by now: another process may have been here first."""
        total, done, of_shard = sum(len(wanted) for _, wanted in lacking), 0, 0

        def advance(more: int) -> None:
            nonlocal of_shard
            of_shard += more
            progress(done + of_shard, total)

        work = [
            ShardWork(shard.path, tuple(wanted), shard.index.content, shard.address)
            for shard, wanted in ((asked.shard, wanted) for asked, wanted in lacking)
        ]
        for number, made in make(self._home, work, advance):
            asked, wanted = lacking[number]
            self._count(made.entry, made.made)
            self.listed.note(feature_shard(self._home, asked.shard), made.entry.with_complete([asked.named]))
            if self.listed.is_due:
                self.listed.save()
            if made.made > of_shard:  # who made it told nothing meanwhile
                progress(done + len(wanted), total)
            done, of_shard = done + len(wanted), 0

    def _count(self, entry: Entry, made: int = 0) -> None:
        self._media += entry.media
        self._made += made
        self._bad.update(entry.bad)

    def told(self, shards: int) -> StoredFeatures:
        """All of it together."""
        return StoredFeatures(self._home, shards, self._media, self._made, dict(self._bad))
