"""Writes the samples of shards to new ones, in one part or several."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from multigraft.core.atomic import write_folder
from multigraft.core.data.records import RECORD_FIELD
from multigraft.core.data.shard import Shard
from multigraft.core.data.shard_writer import ShardWriter, check_prefix, fault_of_sample
from multigraft.core.data.upkeep.findings import Findings
from multigraft.core.data.upkeep.samples import LEFT_OUT, NewKeys, whole_samples
from multigraft.core.errors import MultigraftError

PartOf = Callable[[int, int], str]
"""The part that a sample goes to, by number of its shard and its own."""
Progress = Callable[[int, int], None]
"""Told of samples done and of all."""


@dataclass
class Written:
    """What became of the samples."""

    samples: dict[str, int]
    """Samples of each part."""
    findings: Findings
    """What of the old shards could not be used, and which samples are not in the new ones."""
    keys: NewKeys


def rewrite(
    shards: Sequence[Shard], folder: Path, parts: Sequence[str], part_of: PartOf, per_shard: int, progress: Progress
) -> Written:
    """Write every sample of some shards to the new shards `PART-000000.tar`, ... of its part, with indices and one
    manifest. The folder comes to be whole or not at all.

    Raises:
        MultigraftError: the folder is there already, or cannot be written; or no shards can be named after a part.
    """
    for part in parts:
        check_prefix(part)
    if folder.exists():
        raise MultigraftError(f"{folder} is there already; name a new folder")
    written = Written(dict.fromkeys(parts, 0), Findings(), NewKeys(frozenset(k for s in shards for k in s.index.keys)))
    total, done = sum(shard.index.head.samples for shard in shards), 0

    def fill(temporary: Path) -> None:
        nonlocal done
        with ExitStack() as stack:
            writers = {part: stack.enter_context(ShardWriter(temporary, part, per_shard)) for part in parts}
            for place, shard in enumerate(shards):
                for number, sample in whole_samples(shard, written.findings):
                    done += 1
                    key = written.keys.key(sample.key, [RECORD_FIELD, *sample.media])
                    if fault := fault_of_sample(key, sample.media):
                        written.findings.add(LEFT_OUT, shard.name, sample.key, detail=fault)
                        continue
                    part = part_of(place, number)
                    writers[part].write(key, sample.record, sample.media)
                    written.samples[part] += 1
                    progress(done, total)

    write_folder(folder, fill)
    return written
