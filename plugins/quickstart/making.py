"""Makes the quickstart's shards, source by source; what is finished is never made again."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multigraft.core.data.files import written_whole
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import MultigraftError
from multigraft.plugins.quickstart import drawing_source, episode_source, shape_source
from multigraft.plugins.quickstart.attribution import ATTRIBUTIONS
from multigraft.plugins.quickstart.bundle import SPLITS, Bundle
from multigraft.plugins.quickstart.progress import tracked

MANIFEST = "manifest.json"
"""Written last: a folder that has it is complete."""

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


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _finished(folder: Path, settings: Mapping[str, Any]) -> bool:
    path = folder / _FACTS
    if not folder.exists():
        return False
    if not path.exists():
        raise MultigraftError(f"{folder}: something else is there; give another folder or move it away")
    made = json.loads(path.read_text(encoding="utf-8"))["settings"]
    if made != settings:
        raise MultigraftError(
            f"{folder} was made with {made}, and now {dict(settings)} is asked for; give another folder or delete it"
        )
    return True


def make_source(source: Source, root: Path, limit: int | None, seed: int) -> None:
    """Fill `root/NAME` unless it is there; an unfinished one is begun anew.

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
    _write_json(partial / _FACTS, {"settings": settings, "splits": splits, "attribution": attribution})
    partial.rename(folder)


def make_quickstart(
    root: Path, names: Sequence[str], limit: int | None, episodes: int | None, seed: int
) -> dict[str, Any]:
    """Make the sources named and the manifest over all that `root` holds; the manifest's content is returned.

    `limit` is the most pictures of a split, `episodes` the number of BabyAI episodes in all splits.
    """
    root.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        if source.name in names:
            make_source(source, root, episodes if source.name == episode_source.SOURCE else limit, seed)
    return write_manifest(root, "multigraft data quickstart", [source.name for source in SOURCES])


def write_manifest(root: Path, made_by: str, names: Sequence[str]) -> dict[str, Any]:
    """Write the manifest over those of the sources named that `root` holds, and return its content."""
    facts = {name: root / name / _FACTS for name in names}
    sources = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in facts.items() if path.exists()}
    manifest = {"made_by": made_by, "sources": sources}
    _write_json(root / MANIFEST, manifest)
    return manifest
