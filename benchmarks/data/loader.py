"""A sample's bytes, and whole loaders, beside webdataset, litdata and Energon over the same pictures.

    python benchmarks/data/loader.py

Makes its own shards from a seed, runs every way in turn in each round in a process of its own, and keeps what each way
took in pieces/loader-NAME.json beside this file; what is there is not run again. loader.md has ratios. litdata and
megatron-energon are left out where they are not installed.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from io import BytesIO
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

HERE = Path(__file__).parent
PIECES = HERE / "pieces"
PICTURES, SHARDS, BATCH, ROUNDS = 4000, 8, 64, 3
SAMPLES = {"bytes": 8000, "batches": 1984, "two": 1984}
WAYS = {
    "bytes": ("ours", "webdataset"),
    "batches": ("ours", "webdataset", "litdata", "energon"),
    "two": ("ours", "webdataset"),
}
NEEDS = {"litdata": "litdata", "energon": "megatron.energon"}


def make(root: Path) -> None:
    """The same pictures as our shards (which webdataset and Energon read) and as litdata's chunks."""
    from pictures import jpegs

    from multigraft import Annotation, Record, ScoredAnswer, ShardWriter

    files = jpegs(225, 256)
    samples = [(f"{number:06d}", files[number % len(files)]) for number in range(PICTURES)]
    with ShardWriter(root / "shards", "train", PICTURES // SHARDS) as writer:
        for key, data in samples:
            answers = (ScoredAnswer(text="a shape in front of a wall"),)
            asked = Annotation(id=key, task="captions", text="what is it?", answers=answers, media=("jpg",))
            writer.write(key, Record(id=key, annotations=(asked,)), {"jpg": data})
    if find_spec("litdata"):
        from litdata.streaming.writer import BinaryWriter

        chunks = BinaryWriter(cache_dir=str(root / "litdata"), chunk_bytes="16MB")
        for number, (_, data) in enumerate(samples):
            chunks[number] = {"jpg": data, "text": "a shape in front of a wall"}
        chunks.done()
        chunks.merge()
    if find_spec("megatron"):
        words = [sys.executable, "-m", "megatron.energon.cli.main", "prepare", "--non-interactive"]
        given = ["--split-parts", "train:train-.*", "--force-overwrite", "--sample-type", "CrudeWebdataset"]
        subprocess.run([*words, *given, str(root / "shards")], check=True, capture_output=True)


def ours(root: Path, threads: int = 1) -> Any:
    from multigraft import Transform
    from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
    from multigraft.core.data.reader import SampleReader
    from multigraft.core.data.skipped import SkippedLog
    from multigraft.core.data.source import open_source
    from multigraft.core.data.stream import Stream
    from multigraft.core.registry.registry import default_registry

    registry = default_registry()
    options = registry.options("tasks", "image-captioning").model_validate(
        {"kind": "image-captioning", "annotations": "captions", "data": {"train": ["train-*.tar"]}},
        context={"registry": registry},
    )
    log = SkippedLog(None, 0.01)
    source = open_source("captions", registry.build("tasks", options), options, "train", root / "shards", log)
    inputs = [registry.build("inputs", registry.options("inputs", "image")(kind="image"))]
    sampler = registry.build(
        "samplers", registry.options("samplers", "equal")(kind="equal"), sizes={"captions": source.size}, batch=BATCH,
        seed=0,
    )  # fmt: skip
    workers = DecodeWorkers(threads, 1)
    decoder = MediaDecoder(inputs, {"visual": Transform(224, (0.0,) * 3, (1.0,) * 3)}, workers)
    return source, Stream(
        {"captions": source}, sampler, SampleReader(decoder), log, seed=0, batch=BATCH, window=SHARDS, threads=threads
    )


def our_bytes(root: Path) -> Iterator[object]:
    from multigraft.core.data.order import Order

    (source, _), index = ours(root), 0
    order = Order(source.counts, 0, source.name, SHARDS)
    while True:
        shard, row = source.locate(order.place(index))
        at = shard.index.annotation(row)
        annotation = shard.annotation_at(at)
        yield annotation, shard.read(at.sample, annotation.media[0])
        index += 1


def our_batches(root: Path, threads: int = 1) -> Iterator[object]:
    from multigraft.core.data.padding import padded

    for batch in ours(root, threads)[1].batches(0, 1 << 30):
        yield padded([sample.media[0].arrays for sample in batch])[0]


def of_webdataset(root: Path, **loading: Any) -> Iterator[object]:
    import webdataset

    shards = sorted(map(str, (root / "shards").glob("*.tar")))
    data = webdataset.WebDataset(shards, shardshuffle=8)
    if loading.get("raw"):
        yield from data.repeat()
    stack = data.shuffle(1000).decode("pil").map(_shown).batched(BATCH).repeat()
    yield from webdataset.WebLoader(stack, batch_size=None, num_workers=loading.get("workers", 0))


def _shown(sample: dict[str, Any]) -> Any:
    import numpy as np
    import torch
    from PIL import Image

    picture = sample["jpg"].resize((224, 224), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())


def _decoded(data: bytes) -> Any:
    from PIL import Image

    return _shown({"jpg": Image.open(BytesIO(data)).convert("RGB")})


def of_litdata(root: Path) -> Iterator[object]:
    import torch
    from litdata import StreamingDataLoader, StreamingDataset

    while True:
        data = StreamingDataset(str(root / "litdata"), shuffle=True, transform=lambda sample: _decoded(sample["jpg"]))
        for batch in StreamingDataLoader(data, batch_size=BATCH, num_workers=0):
            yield torch.as_tensor(batch)


def of_energon(root: Path) -> Iterator[object]:
    import torch
    from megatron.energon import (
        Cooker,
        CrudeSample,
        DefaultTaskEncoder,
        SampleDecoder,
        WorkerConfig,
        get_loader,
        get_train_dataset,
        stateless,
    )

    @stateless  # type: ignore[untyped-decorator]
    def cook(sample: Any) -> Any:
        return CrudeSample({**sample, "jpg": _shown({"jpg": sample["jpg"]})})

    class Encoder(DefaultTaskEncoder):  # type: ignore[misc]
        cookers = (Cooker(cook),)
        decoder = SampleDecoder(image_decode="pil")

        def encode_sample(self, sample: Any) -> Any:
            return sample["jpg"]

        def batch(self, samples: Any) -> Any:
            return torch.stack(samples)

        def encode_batch(self, batch: Any) -> Any:
            return batch

    config = WorkerConfig(rank=0, world_size=1, num_workers=0)
    data = get_train_dataset(
        str(root / "shards"), batch_size=BATCH, shuffle_buffer_size=1000, max_samples_per_sequence=100,
        task_encoder=Encoder(), worker_config=config,
    )  # fmt: skip
    yield from get_loader(data)


MAKERS: dict[tuple[str, str], Callable[[Path], Iterator[object]]] = {
    ("bytes", "ours"): our_bytes,
    ("bytes", "webdataset"): lambda root: of_webdataset(root, raw=True),
    ("batches", "ours"): our_batches,
    ("batches", "webdataset"): of_webdataset,
    ("batches", "litdata"): of_litdata,
    ("batches", "energon"): of_energon,
    ("two", "ours"): lambda root: our_batches(root, 2),
    ("two", "webdataset"): lambda root: of_webdataset(root, workers=2),
}


def one_run(what: str, way: str, root: Path) -> dict[str, float]:
    """What one way takes for a sample, behind a first stretch that is not counted, and until its first result when
    all is imported."""
    import torch

    torch.set_num_threads(1)
    count = SAMPLES[what] // (1 if what == "bytes" else BATCH)
    next(MAKERS[what, way](root))
    begun = perf_counter()
    made = MAKERS[what, way](root)
    next(made)
    first = perf_counter() - begun
    for _ in islice(made, count // 8):
        pass
    wall, processor = perf_counter(), process_time()
    for _ in islice(made, count):
        pass
    wall, processor = perf_counter() - wall, process_time() - processor
    return {"microseconds": wall / SAMPLES[what] * 1e6, "processor": processor / SAMPLES[what] * 1e6, "first": first}


def main() -> None:
    if len(sys.argv) == 4:
        print(json.dumps(one_run(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
        return
    PIECES.mkdir(exist_ok=True)
    there = {way for way in ("ours", "webdataset", *NEEDS) if way not in NEEDS or find_spec(NEEDS[way].split(".")[0])}
    with TemporaryDirectory() as made:
        root = Path(made)
        for what in WAYS:
            path = PIECES / f"loader-{what}.json"
            if path.is_file():
                continue
            if not any(root.iterdir()):
                make(root)
            runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS[what] if way in there}
            for _ in range(ROUNDS):
                for way, own in runs.items():
                    words = [sys.executable, __file__, what, way, made]
                    told = subprocess.run(words, check=True, capture_output=True, text=True, timeout=300).stdout
                    own.append(json.loads(told.splitlines()[-1]))
                    print(what, way, own[-1], flush=True)
            path.write_text(json.dumps(runs) + "\n")
    write_page()


def write_page() -> None:
    titles = {
        "bytes": "a sample's bytes with its annotation, one thread",
        "batches": f"batches of {BATCH} pictures of 224 pixels, one thread",
        "two": "the same on two cores: two threads, or webdataset's two workers",
    }
    lines = ["| what | way | µs a sample | of webdataset | seconds to the first |", "|---|---|---|---|---|"]
    for what, title in titles.items():
        runs = json.loads((PIECES / f"loader-{what}.json").read_text())
        per_sample = {way: median(run["microseconds"] for run in own) for way, own in runs.items()}
        for way, own in runs.items():
            ratio = median(a["microseconds"] / b["microseconds"] for a, b in zip(own, runs["webdataset"], strict=True))
            first = median(run["first"] for run in own)
            lines.append(f"| {title} | {way} | {per_sample[way]:.1f} | {ratio:.2f} | {first:.3f} |")
    (HERE / "loader.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
