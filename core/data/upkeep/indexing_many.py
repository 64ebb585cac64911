"""Makes the indices of many shards, in several processes where there are many."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

from multigraft.core.data.index import index_path
from multigraft.core.data.indexing import load_index, store_index, stored_index
from multigraft.core.data.open_file import OpenFile
from multigraft.core.errors import MultigraftError, legible

State = Literal["there", "made", "refused", "unstored"]
"""`unstored`: the index was made, and its folder cannot be written to."""


@dataclass(frozen=True)
class Indexed:
    """What became of a shard's index."""

    shard: str
    state: State
    samples: int = 0
    annotations: int = 0
    problems: int = 0
    """What of the shard cannot be used."""
    detail: str = ""
    """Why it was refused or not stored."""


def index_many(paths: Sequence[Path], workers: int = 1, anew: bool = False) -> Iterator[Indexed]:
    """Make the indices that are not there, are other shards', or are damaged, in the order of the paths.

    Args:
        workers: processes that make them; with one it is this process.
        anew: make those too that are there.
    """
    work = partial(index_one, anew=anew)
    if workers == 1 or len(paths) < 2:
        yield from map(work, paths)
        return
    with ProcessPoolExecutor(min(workers, len(paths)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, paths)


def index_one(shard: Path, anew: bool = False) -> Indexed:
    """Make the index of one shard if it is not there, or make it `anew`."""
    name, before = legible(str(shard)), _file_of(shard)
    try:
        index = store_index(shard) if anew or not _is_whole(shard) else load_index(shard)
    except MultigraftError as error:
        return Indexed(name, "refused", detail=str(error))
    after = _file_of(shard)
    counts = index.head.samples, sum(group.count for group in index.head.groups)
    problems = sum(problem.count for problem in index.problems)
    if after is None or (anew and after == before) or not _is_whole(shard):
        return Indexed(name, "unstored", *counts, problems, f"{index_path(shard)} cannot be written")
    return Indexed(name, "there" if after == before else "made", *counts, problems)


def _file_of(shard: Path) -> tuple[int, int] | None:
    """Which file the index is; None where there is none."""
    try:
        return OpenFile(index_path(shard)).identity
    except OSError:
        return None


def _is_whole(shard: Path) -> bool:
    """Whether the index beside a shard can be read."""
    try:
        stored_index(shard)
    except (OSError, ValueError):
        return False
    return True
