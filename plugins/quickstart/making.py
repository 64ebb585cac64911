"""Makes the quickstart's shards, source by source; what is finished is never made again."""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multigraft import (
    MANIFEST,
    MultigraftError,
    ShardWriter,
    missing_data,
    next_writer,
    read_manifest,
    write_json,
    writing,
)
from multigraft.plugins.quickstart import drawing_source, episode_source, shape_source
from multigraft.plugins.quickstart.attribution import ATTRIBUTIONS
from multigraft.plugins.quickstart.bundle import SPLITS, Bundle
from multigraft.plugins.quickstart.progress import tracked

_FACTS = "source.json"
_ONE_SHARD = 1_000_000


@dataclass(frozen=True)
class Source:
    """Where bundles come from; both functions take split, limit and seed."""

    name: str
    bundles: Callable[[str, int | None, int], Iterator[Bundle]]
    size: Callable[[str, int | None, int], int]
    splits: Sequence[str] = SPLITS


SOURCES = tuple(
    Source(module.SOURCE, module.bundles, module.size) for module in (shape_source, drawing_source, episode_source)
)


def _make_split(source: Source, split: str, folder: Path, limit: int | None, seed: int) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    total = source.size(split, limit, seed)
    with ShardWriter(folder, split, samples_per_shard=_ONE_SHARD) as writer:
        for bundle in tracked(source.bundles(split, limit, seed), f"{source.name} {split}", total):
            writer.write(bundle.record.id, bundle.record, bundle.media)
            kinds.update(annotation.task for annotation in bundle.record.annotations)
    return {"samples": total, "annotations": dict(sorted(kinds.items()))}


def _finished(folder: Path, settings: Mapping[str, Any]) -> bool:
    if not folder.exists():
        return False
    if not (folder / _FACTS).exists():
        raise MultigraftError(f"{folder}: something else is there; give another folder or move it away")
    try:
        made = _facts(folder)["settings"]
    except MultigraftError as error:
        print(f"{error}; making it again", file=sys.stderr)
        return False
    if made != settings:
        raise MultigraftError(
            f"{folder} was made with {made}, and now {dict(settings)} is asked for; give another folder or delete it"
        )
    if lacking := missing_data(folder):
        print(f"{folder} {lacking}: making it again", file=sys.stderr)
    return not lacking


def _facts(folder: Path) -> dict[str, Any]:
    """What `source.json` says of a source.

    Raises:
        MultigraftError: it is damaged.
    """
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        if all(isinstance(facts[name], kind) for name, kind in (("settings", dict), ("splits", dict))):
            return facts  # type: ignore[no-any-return]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise MultigraftError(f"{folder / _FACTS} is damaged")


def make_source(source: Source, root: Path, limit: int | None, seed: int) -> None:
    """Fill `root/NAME` unless it is there and whole; an unfinished one is begun anew. The caller is root's only writer.

    Raises:
        MultigraftError: the folder holds something else, or was made with other settings.
    """
    folder, partial = root / source.name, root / f".{source.name}.partial"
    settings = {"seed": seed, "limit": limit}
    if _finished(folder, settings):
        return
    shutil.rmtree(partial, ignore_errors=True)
    splits = {split: _make_split(source, split, partial, limit, seed) for split in source.splits}
    attribution = [credit.to_json() for credit in ATTRIBUTIONS[source.name]]
    write_json(partial / _FACTS, {"settings": settings, "splits": splits, "attribution": attribution})
    if not folder.exists():
        partial.rename(folder)
        return
    for file in partial.iterdir():
        file.replace(folder / file.name)
    partial.rmdir()


def make_quickstart(
    root: Path, names: Sequence[str], limit: int | None, episodes: int | None, seed: int
) -> dict[str, Any]:
    """Make the sources named and the manifest over all that `root` holds; the manifest's content is returned.

    `limit` is the most pictures of a split, `episodes` the number of BabyAI episodes in all splits.
    """
    with next_writer(root), writing(root):
        for source in SOURCES:
            if source.name in names:
                make_source(source, root, episodes if source.name == episode_source.SOURCE else limit, seed)
        return write_manifest(root, "multigraft data quickstart", [source.name for source in SOURCES])


def write_manifest(root: Path, made_by: str, names: Sequence[str], more: Sequence[str] = ()) -> dict[str, Any]:
    """Write the manifest over those of the sources named that `root` holds, and return its content.

    Args:
        more: other files that were made in `root`.
    """
    there = [name for name in names if (root / name / _FACTS).exists()]
    shards = {f"{name}/{shard}" for name in there for shard in read_manifest(root / name)["shards"]}
    manifest = {
        "made_by": made_by,
        "files": {name: (root / name).stat().st_size for name in sorted({*shards, *more})},
        "sources": {name: _facts(root / name) for name in there},
    }
    write_json(root / MANIFEST, manifest)
    return manifest
