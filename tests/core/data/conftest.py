"""Small real shards, a task that echoes its annotation, and streams over both."""

import json
import tarfile
from io import BytesIO

import pytest

from multigraft.core.data.decode import DecodeWorkers
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.source import open_source
from multigraft.core.data.stream import Stream
from multigraft.core.errors import BadSample
from multigraft.core.interfaces.task import Task
from multigraft.core.options.options import TaskOptions
from multigraft.core.types.annotation import Annotation, Record
from multigraft.core.types.rank import Rank
from multigraft.core.types.sample import TextPair
from multigraft.core.types.transform import Transform
from multigraft.plugins.samplers.weighted import WeightedSampler


class EchoTask(Task):
    """Needs a text; its target is drawn."""

    def example(self, annotation, draw):
        if not annotation.text:
            raise BadSample("missing field", "text")
        return TextPair(annotation.text, str(draw.random()) if draw else "fixed")


@pytest.fixture
def pack(tmp_path):
    """Write samples `(key, annotations, media)` to shards in the test's folder."""

    def write(samples, prefix="a", per_shard=4):
        with ShardWriter(tmp_path, prefix, per_shard) as writer:
            for key, annotations, media in samples:
                writer.write(key, Record(id=key, annotations=tuple(annotations)), media)
        return sorted(tmp_path.glob(f"{prefix}-*.tar"))

    return write


@pytest.fixture(scope="session")
def make_tar():
    """Write a tar of `(name, bytes)` members, or of ready TarInfo objects without content, as other programs do."""

    def write(path, *members, **options):
        with tarfile.open(path, "w", **options) as tar:
            for member in members:
                if isinstance(member, tarfile.TarInfo):
                    tar.addfile(member)
                    continue
                name, content = member
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, BytesIO(content))
        return path

    return write


@pytest.fixture(scope="session")
def record():
    """The bytes of a `KEY.json` with one annotation a dictionary given; each gets an id and a task."""

    def make(*annotations, key="k", **head):
        rows = [{"id": f"{key}/{number}", "task": "t", **each} for number, each in enumerate(annotations)]
        return json.dumps({"id": key, "annotations": rows, **head}).encode()

    return make


@pytest.fixture
def questions():
    """Samples without media: `counts` gives the annotations of each task, laid out one a sample."""

    def make(**counts):
        return [
            (f"{task}{number}", [Annotation(id=f"{task}/{number}", task=task, text=f"{task} {number}")], {})
            for task, count in counts.items()
            for number in range(count)
        ]

    return make


@pytest.fixture
def open_task(tmp_path):
    """Open a task over the shards of the test's folder."""

    def make(name, log=None, split="train", **options):
        shards = [path.name for path in sorted(tmp_path.glob("a-*.tar"))]
        options = TaskOptions(kind="echo", **{"data": {"train": shards}, **options})
        return open_source(name, EchoTask(), options, split, tmp_path, log or SkippedLog(None, 1.0))

    return make


@pytest.fixture
def make_stream():
    """A stream over sources, equal shares unless told by weights or a sampler."""

    def make(
        sources, weights=None, log=None, media=None, batch=4, rank=0, world=1, seed=0, window=2, threads=2,
        sampler=None, buckets=None,
    ):  # fmt: skip
        named = {source.name: source for source in sources}
        return Stream(
            named,
            sampler or WeightedSampler(weights or dict.fromkeys(named, 1), batch),
            SampleReader(media),
            log or SkippedLog(None, 1.0),
            seed=seed,
            batch=batch,
            window=window,
            threads=threads,
            rank=Rank(rank, world),
            buckets=buckets,
        )

    return make


@pytest.fixture
def transform():
    return Transform(16, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.fixture
def workers():
    """How to read: one decoding process."""
    return DecodeWorkers(processes=1)
