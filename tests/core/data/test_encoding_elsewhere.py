"""Workers of an engine encode shards that lie behind a web server."""

import os
import pickle
import shutil
import subprocess
import sys

import pytest

from multigraft.core.data.index import index_path
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.engine import Engine
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.encode_media import encode_media
from multigraft.core.types.annotation import Annotation, Record

NAMES = ("pictures-train-000000.tar", "pictures-train-000001.tar")
WORKER = """\
import pickle, sys
start, work = pickle.load(sys.stdin.buffer)
worker = start()
for number, text in work:
    pickle.dump((number, worker(text)), sys.stdout.buffer)
"""


class Processes(Engine):
    """Two workers, each a process of its own with an environment of its own."""

    def __init__(self, environments):
        self._environments = environments

    def run(self, start, work):
        pieces = list(enumerate(work))
        processes = []
        for number, environment in enumerate(self._environments):
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": {**os.environ, **environment}}
            process = subprocess.Popen([sys.executable, "-c", WORKER], **pipes)
            pickle.dump((start, pieces[number :: len(self._environments)]), process.stdin)
            process.stdin.close()
            processes.append(process)
        for process in processes:
            while process.stdout.peek(1):
                yield pickle.load(process.stdout)
            assert process.wait() == 0
            process.stdout.close()


class AfterAll(Engine):
    """A worker here, which begins when something has happened."""

    def __init__(self, happen):
        self._happen = happen

    def run(self, start, work):
        self._happen()
        worker = start()
        yield from ((number, worker(text)) for number, text in enumerate(work))


@pytest.fixture
def encode(shards, recipe_file, web, tmp_path, registry, monkeypatch):
    """Encode what is for training in a folder of its own; the pictures from the web server if `query` is no None."""
    for name in NAMES:
        for path in (shards / name, index_path(shards / name)):
            shutil.copy(path, web.folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))

    def run(name, engine=None, query=None):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        if query is None:
            places = [str(shards / each) for each in NAMES]
        else:
            places = [f"{web.address}/pictures-train-{{000000..000001}}.tar{query}"]
        overrides = [f"tasks.{task}.data.train={places}" for task in ("vqa", "statements", "captions")]
        overrides += [f"data.root={folder}", "data.features=true"]
        overrides += [f"tasks.videos.data.train=[{shards}/videos-train-000000.tar]"]
        made = encode_media(load_recipe(recipe_file, overrides, registry), registry, ["train"], engine)["visual"]
        return made, {path.name: path.read_bytes() for path in made.home.glob("*.tar")}

    return run


def test_features_are_those_of_one_process_over_local_shards(encode, web, tmp_path):
    """The first worker sees the cache of the process that asks, the second has one of its own."""
    _, local = encode("local")
    assert len(local) == 3
    here, own = tmp_path / "here", tmp_path / "own"
    made, elsewhere = encode("far", Processes([{}, {"XDG_CACHE_HOME": str(own)}]), "?signature=secret")
    assert (made.shards, made.made, made.bad) == (3, len(NAMES) * 12 + 6, {})
    assert elsewhere == local
    assert [web.fetched(name) for name in NAMES] == [1, 2]
    assert [web.fetched(f"{name}.index") for name in NAMES] == [1, 2]
    copies = [sorted(path.name for path in home.rglob("*.tar")) for home in (here, own)]
    assert copies == [list(NAMES), [NAMES[1]]]


def test_another_shard_at_the_address_ends_the_run(encode, web, tmp_path):
    def replace():
        with ShardWriter(tmp_path, "other") as writer:
            note = Annotation(id="q", task="vqa", text="what?", answers=[{"text": "red"}], media=("0.png",))
            writer.write("k", Record(id="k", annotations=(note,)), {"0.png": b"no picture"})
        shutil.move(tmp_path / "other-000000.tar", web.folder / NAMES[0])
        index_path(web.folder / NAMES[0]).unlink()

    with pytest.raises(MultigraftError, match=r"pictures-train-000000\.tar is another one than when this began"):
        encode("far", AfterAll(replace), "")
    assert [path.name for path in tmp_path.glob("far/features/*/*.tar")] == []


def test_a_shard_that_is_gone_ends_the_run_and_its_signature_is_not_told(encode, web):
    with pytest.raises(MultigraftError, match=r"pictures-train-000000\.tar\?\.\.\. is no longer there") as raised:
        encode("far", AfterAll((web.folder / NAMES[0]).unlink), "?signature=secret")
    assert "secret" not in str(raised.value)
