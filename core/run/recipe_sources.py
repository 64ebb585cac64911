"""The sources that a recipe names: built, and made into shards without media."""

import os
import shutil
import sys
import weakref
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pydantic_core import from_json, to_json

from multigraft.core.data.indexing import saves_indices
from multigraft.core.data.media_apart import MediaApart
from multigraft.core.data.media_store import MediaStore
from multigraft.core.data.open_shards import SourceShards
from multigraft.core.data.packing.annotation_shards import DROPPED, AnnotationShards, annotation_shards
from multigraft.core.data.paths import named_paths
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.data.skipped import Skipped
from multigraft.core.errors import MultigraftError, OptionError, below, legible
from multigraft.core.interfaces.source import Dropped, Source
from multigraft.core.options.names import DataPath
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.recipe.components import walk
from multigraft.core.registry.registry import Registry
from multigraft.core.run.kept_sources import keeps_what_sources_become
from multigraft.core.run.progress_bar import ProgressBar
from multigraft.core.run.source_building import KIND, built_source, source_options

SOURCES = ".sources"
"""Folder of what was made of sources, under `data.root`."""
_LISTED = 100
"""Dropped rows of a reason that are listed one by one."""
_SHOWN = 5


class RecipeSources:
    """Makes the shards of sources whose paths start at a folder.

    Args:
        bad_limit: share of a source's rows that may be dropped.
    """

    def __init__(self, registry: Registry, root: Path, bad_limit: float) -> None:
        self._registry, self._root, self._limit = registry, root, bad_limit
        self._folder: Path | None = None

    def shards(self, options: SourceOptions) -> SourceShards:
        """The shards of a source, and what was dropped.

        Raises:
            OptionError: it cannot be used; the place is one below the source, as it is written.
        """
        try:
            return self._shards(options)
        except OptionError as error:
            raise OptionError(options.place_of(error.location), error.message, error.hint) from error

    def _shards(self, options: SourceOptions) -> SourceShards:
        source, store = opened(self._registry, options, self._root)
        home = self._root / SOURCES
        keeps = keeps_what_sources_become() and saves_indices()
        if keeps and not _writable(home):
            print(f"what is made of {_name(options)} lies in a temporary folder, as {self._root} cannot be written to",
                  file=sys.stderr, flush=True)  # fmt: skip
            keeps = False
        temporary = None if keeps else self._temporary
        identity = _identity(self._registry, options, self._root)
        with ProgressBar(f"reading {_name(options)}") as bar:
            made = annotation_shards(source, identity, home, temporary, bar.update)
        self._check(made, options)
        apart = MediaApart(store, made.folder.name, made.endings)
        return SourceShards([Shard(path, media=apart) for path in made.shards], list(_skipped(made, source, options)))

    def _temporary(self) -> Path:
        """A folder that is gone when nobody uses the sources any more."""
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="multigraft-sources-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def _check(self, made: AnnotationShards, options: SourceOptions) -> None:
        """Hold what was dropped against the limit.

        Raises:
            MultigraftError: too many rows cannot be used, or there are none that can.
        """
        count = sum(made.dropped.values())
        if count == made.rows:
            head = f"{_name(options)} has no row that can be used, of {made.rows:,}"
        elif count > self._limit * made.rows:
            head = (
                f"{count:,} of {made.rows:,} rows of {_name(options)} cannot be used, more than the share "
                f"`data.bad_limit: {self._limit:g}` allows"
            )
        else:
            return
        raise MultigraftError("\n".join([head, *_lines(made)]))


def opened(registry: Registry, options: SourceOptions, root: Path) -> tuple[Source, MediaStore]:
    """A source whose paths start at a folder, and where its media lie.

    Raises:
        OptionError: it cannot be used.
    """
    placed = at_root(options, root)
    source = built_source(registry, placed)
    with below("media"):
        return source, MediaStore.of([Path(each) for each in placed.media] or source.media, source.embedded)


def at_root(options: SourceOptions, root: Path) -> SourceOptions:
    """The options with every path made to start at a folder, and patterns replaced by what they name.

    Raises:
        OptionError: a pattern that is none, or names nothing.
    """
    found: dict[str, list[str]] = {}
    for each in walk(options):
        name = str(each.location[0])
        if each.mark(DataPath) and isinstance(each.value, str) and each.value:
            with below(*each.location):
                if not (paths := named_paths(each.value, root)):
                    raise ValueError(f"{root / each.value} names no file")
            found.setdefault(name, []).extend(map(str, paths))
    values = {name: each if isinstance(getattr(options, name), list) else each[0] for name, each in found.items()}
    return options.model_copy(update=values)


class ShardOpener:
    """Opens shards by their paths, with the media of the sources that they were made of."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._media = lru_cache(maxsize=None)(self._media_of)

    def shard(self, path: Path) -> Shard:
        """The shard at a path.

        Raises:
            MultigraftError: it was made of a source that cannot be opened any more.
        """
        media = self._media(path.parent) if path.parent.parent.name == SOURCES else None
        return open_shard(path) if media is None else Shard(path, media=media)

    def _media_of(self, folder: Path) -> MediaApart | None:
        made = AnnotationShards.stored(folder)
        if made is None:
            return None
        options = source_options(self._registry, made.made_of["options"])
        _, store = opened(self._registry, options, folder.parent.parent)
        return MediaApart(store, folder.name, made.endings)


def _identity(registry: Registry, options: SourceOptions, root: Path) -> dict[str, Any]:
    """All of a source's options, the version of what reads it, and files that it names beside those it lists."""
    found = registry.find(KIND, options.kind)
    values = {name: getattr(options, name) for name in type(options).model_fields}
    return {
        "source": [found.full_name, found.component.version],
        "options": from_json(to_json(values | {"kind": found.full_name})),
        "other_files": _other_files(at_root(options, root)),
    }


def _other_files(placed: SourceOptions) -> list[list[Any]]:
    """Bytes and modification times of the files that other options name, by these."""
    found = []
    for each in walk(placed):
        name = str(each.location[0])
        if each.mark(DataPath) and isinstance(each.value, str) and each.value and name not in ("files", "media"):
            if not os.path.exists(each.value):
                raise OptionError(each.location, f"{each.value} is not there")
            status = os.stat(each.value)
            found.append([name, status.st_size, status.st_mtime_ns])
    return found


def _writable(home: Path) -> bool:
    """Whether files can be made in a folder, which need not be there."""
    there = next(each for each in (home, *home.parents) if each.exists())
    return os.access(there, os.W_OK)


def _name(options: SourceOptions) -> str:
    more = f" and {len(options.files) - 1} more" if len(options.files) > 1 else ""
    return legible(options.files[0]) + more


def _lines(made: AnnotationShards) -> list[str]:
    """The first of what was dropped."""
    shown = [each for each, _ in zip(made.dropped_rows(), range(_SHOWN), strict=False)]
    return [f"  {each.row}: {each.reason}{each.detail and f': {legible(each.detail)}'}" for each in shown]


def _skipped(made: AnnotationShards, source: Source, options: SourceOptions) -> Iterator[Skipped]:
    """What was dropped: each reason's first rows, and how many there are more."""
    listed: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for each in made.dropped_rows():
        if listed[each.reason] < _LISTED:
            listed[each.reason] += 1
            counted[each.reason] += each.rows
            file, row = _place(each, source)
            yield Skipped(file or _name(options), row, "", each.reason, each.detail, each.rows)
    for reason, count in made.dropped.items():
        if more := count - counted[reason]:
            told = f"{more} more of these are in {made.folder / DROPPED}"
            yield Skipped(_name(options), "", "", reason, told, more)


def _place(dropped: Dropped, source: Source) -> tuple[str, str]:
    """The file of a row, as far as that is said, and its place there."""
    label, _, place = dropped.row.rpartition("#")
    for file in source.files:
        if label in (file.stem, file.name):
            return str(file), place
    return str(source.files[0]) if len(source.files) == 1 else "", dropped.row
