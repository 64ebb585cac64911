"""Data that a recipe makes: once, whole, and by one process."""

import json
import threading
import time

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.locking import next_writer
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.registry.registry import load_registry
from multigraft.core.run.make_data import make_data

RECIPE = """\
trunk: {{backbone: sapling}}
data: {{root: {root}, make: data quickstart --only openmoji --limit 9}}
tasks:
  gqa: {{kind: compositional-question-answering, data: ["openmoji/*.tar"]}}
"""


@pytest.fixture
def make(tmp_path):
    """Make the data of a recipe whose root is `data`."""
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(root=tmp_path / "data"))
    registry = load_registry()
    recipe = load_recipe(tmp_path / "recipe.yaml", (), registry)
    return lambda **options: make_data(recipe, registry, **options)


def test_what_is_missing_is_named_and_made_again(make, tmp_path, capsys):
    data = tmp_path / "data"
    make()
    assert f"{data} has no manifest.json: making it by `multigraft data quickstart" in capsys.readouterr().err
    files = json.loads((data / "manifest.json").read_text())["files"]
    assert files == {f"openmoji/{path.name}": path.stat().st_size for path in (data / "openmoji").glob("*.tar")}
    make()
    assert not capsys.readouterr().err
    (data / "openmoji" / "test-000000.tar").unlink()
    with pytest.raises(MultigraftError, match=r"names: openmoji/test-000000\.tar, and a dry run writes nothing"):
        make(write_nothing=True)
    make()
    assert f"{data} lacks what its manifest.json names: openmoji/test-000000.tar: making" in capsys.readouterr().err
    assert (data / "openmoji" / "test-000000.tar").stat().st_size == files["openmoji/test-000000.tar"]


def test_who_finds_another_one_making_them_waits_and_takes_its_data(make, tmp_path, capsys):
    data = tmp_path / "data"
    waiting = threading.Thread(target=make)
    with next_writer(data):
        waiting.start()
        while "waiting for" not in (said := capsys.readouterr().err) and waiting.is_alive():
            time.sleep(0.01)
        (data / "manifest.json").write_text('{"made_by": "hand"}')
    waiting.join()
    assert said.startswith(f"waiting for {data}, which is being written to by process ")
    assert "making it by" not in capsys.readouterr().err
    assert [path.name for path in data.iterdir()] == ["manifest.json"]
