"""Small real shards, a task that echoes its annotation, and streams over both."""

import json
import tarfile
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from urllib.parse import unquote

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


class Web:
    """A real web server over a folder, in a thread; it counts what it is asked for, and misbehaves as told."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []
        self.refused = {}
        """By file: statuses that are given before the file is."""
        self.cut = {}
        """By file: of how many answers to GET the connection is lost half-way."""
        self.marks = {}
        """By file: its ETag, instead of one that goes with its bytes."""
        self.says_length = True
        self.cut_silently = False
        """Whether an answer that will be lost half-way does not say how long it should be."""
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.answer(b"")

            def do_GET(self):
                self.answer(None)

            def answer(self, body):
                web.answer(self, unquote(self.path.partition("?")[0]).lstrip("/"), body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, handler, name, body):
        self.asked.append((handler.command, name))
        if waiting := self.refused.get(name):
            return self._refuse(handler, waiting.pop(0))
        path = self.folder / name
        if not path.is_file():
            return self._refuse(handler, 404)
        data = path.read_bytes()
        handler.send_response(200)
        handler.send_header("ETag", self.marks.get(name, f'"{sha256(data).hexdigest()[:16]}"'))
        lost = body is None and self.cut.get(name)
        if self.says_length and not (lost and self.cut_silently):
            handler.send_header("Content-Length", str(len(data)))
        if not self.says_length or lost:
            handler.close_connection = True
        handler.end_headers()
        if body is None:
            if self.cut.get(name):
                self.cut[name] -= 1
                data = data[: len(data) // 2]
            handler.wfile.write(data)
        return None

    def _refuse(self, handler, status):
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def fetched(self, name):
        """How often a file's bytes were asked for."""
        return self.asked.count(("GET", name))

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web(tmp_path):
    (tmp_path / "web").mkdir()
    served = Web(tmp_path / "web")
    yield served
    served.close()
