"""Building sources as `data pack` does."""

import pytest

from multigraft.core.registry.registry import load_registry
from multigraft.core.run.packing import built_source, source_options


@pytest.fixture(scope="session")
def registry():
    return load_registry()


@pytest.fixture
def source(registry):
    """A source of files, by its kind and options."""

    def make(*files, kind="table", **options):
        given = {"kind": kind, "files": [str(file) for file in files], "task": "vqa", **options}
        return built_source(registry, source_options(registry, given))

    return make


@pytest.fixture
def write(tmp_path):
    """Write a file of text or bytes; its path."""

    def to(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to
