"""What it takes to open 10,000 shards of 1,000 annotations for seven tasks, to go on at nine tenths of an epoch, and to
draw from a few shards or from thousands. `python benchmarks/data/opening.py [SHARDS]` writes opening.md beside it.

The shards are one file under many names, so that the disk holds them; what is read of each is the same as of others.
"""

import io
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from multigraft import load_recipe
from multigraft.core.data.index import index_path
from multigraft.core.data.indexing import load_index
from multigraft.core.data.order import Order
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.stream import Stream
from multigraft.core.registry.registry import default_registry
from multigraft.core.run.run_data import RunData
from multigraft.core.types.rank import Rank

TASKS, ANNOTATIONS, PER_RECORD, DRAWS = 7, 1000, 10, 7000
BATCH = 70


def recipe_text(root: Path, window: int) -> str:
    tasks = "".join(f"  t{task}: {{kind: text-generation, data: {{train: ['s-*.tar']}}}}\n" for task in range(TASKS))
    return (
        f"trunk: {{backbone: {{kind: sapling}}}}\ntasks:\n{tasks}"
        "graft: {adapters: [{kind: bottleneck, width: 4}]}\n"
        f"train: {{steps: 1000000, batch: {BATCH}}}\ndata: {{root: {root}, window: {window}}}\n"
    )


def make(root: Path, shards: int) -> None:
    first = root / "s-00000.tar"
    with tarfile.open(first, "w") as tar:
        for record in range(ANNOTATIONS // PER_RECORD):
            numbers = range(record * PER_RECORD, (record + 1) * PER_RECORD)
            rows = [
                {"id": str(n), "task": f"t{n % TASKS}", "text": f"question {n}?", "answers": [{"text": "a"}]}
                for n in numbers
            ]
            data = json.dumps({"id": f"k{record}", "annotations": rows}).encode()
            entry = tarfile.TarInfo(f"k{record:03}.json")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    for number in range(1, shards):
        os.link(first, root / f"s-{number:05}.tar")
    load_index(first)
    for number in range(1, shards):
        os.link(index_path(first), index_path(root / f"s-{number:05}.tar"))


def processor_time(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def opened(root: Path, window: int) -> RunData:
    path = root / f"recipe-{window}.yaml"
    path.write_text(recipe_text(root, window))
    data = RunData(load_recipe(path), default_registry(), {}, SkippedLog(None, 0.01))
    data.training_sources()
    return data


def first_batch(data: RunData, step: int) -> None:
    next(iter(data.stream(Rank()).batches(step, step + 1)))


def draw(data: RunData, stream: Stream, orders: Mapping[str, Order], start: int) -> None:
    for step in range(start, start + DRAWS // BATCH):
        for each in stream.composition(step):
            source = data.source(each.task, "train")
            shard, row = source.locate(orders[each.task].place(each.index))
            shard.annotation(row)


def main() -> None:
    shards = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with TemporaryDirectory() as made:
        root = Path(made)
        make(root, shards)
        opened(root, 2)
        seconds, data = processor_time(lambda: opened(root, 16))
        at = shards * ANNOTATIONS * 9 // 10 // BATCH
        rows = [(f"open {shards:,} shards for {TASKS} tasks", f"{seconds:.2f} s")]
        seconds, _ = processor_time(lambda: first_batch(data, at))
        rows.append(("the first batch at nine tenths of an epoch", f"{seconds:.3f} s"))
        for window in (16, 2000):
            data = opened(root, window)
            stream = data.stream(Rank())
            orders = {name: Order(each.counts, 0, name, window) for name, each in data.training_sources().items()}
            draw(data, stream, orders, 0)
            seconds, _ = processor_time(partial(draw, data, stream, orders, DRAWS // BATCH))
            rows.append((f"a draw from windows of {window} shards", f"{seconds / DRAWS * 1e6:.1f} µs"))
    text = "\n".join(["| what, in processor time | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])
    Path(__file__).with_name("opening.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
