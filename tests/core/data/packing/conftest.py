"""A source made of what a test gives, and packing it."""

import json
from pathlib import Path

import pytest

from multigraft.core.data.packing.packer import Packing, pack
from multigraft.core.interfaces.source import Source
from multigraft.core.types.annotation import Annotation


class Listed(Source):
    """Annotations, or what is dropped, as they were given."""

    def __init__(self, found, files=()):
        self.found, self.files = found, tuple(files)

    def annotations(self):
        yield from self.found


@pytest.fixture
def note():
    """An annotation about media by their names."""

    def make(number, *media, **more):
        return Annotation(id=f"q{number}", task="vqa", text=f"question {number}?", media=media, **more)

    return make


@pytest.fixture
def folder(tmp_path):
    """Media by name, and where shards go."""
    (tmp_path / "media").mkdir()
    return tmp_path


@pytest.fixture
def medium(folder):
    """Write a medium of a few bytes."""

    def write(name, content=None):
        path = folder / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() if content is None else content)

    return write


@pytest.fixture
def packed(folder):
    """Pack annotations into `shards`; what the manifest says."""

    def make(found, files=(), out="shards", media=None, report=None, **more):
        packing = Packing(
            source=Listed(found, files),
            media=tuple(media or [folder / "media"]),
            endings=("jpg", "png"),
            options={"kind": "listed"},
            **more,
        )
        return pack(packing, folder / out, report or (lambda done, total: None))

    return make


@pytest.fixture
def lines():
    """The objects of a file of JSON lines."""
    return lambda path: [json.loads(line) for line in Path(path).read_text().splitlines()]
