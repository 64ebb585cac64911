"""The recipe for sound of docs/recipes.md, as it stands there: it learns to hear, and not without hearing."""

import re
import runpy
from pathlib import Path

import pytest

from multigraft import load_recipe, train

PAGE = (Path(__file__).parents[3] / "docs" / "recipes.md").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with the two files of the page, and the shards that one of them packs."""
    monkeypatch.chdir(tmp_path)
    for name in ("tones.py", "tones.yaml"):
        (tmp_path / name).write_text(re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)[1])
    runpy.run_path("tones.py")


@pytest.mark.usefixtures("folder")
def test_tones_are_told_apart():
    results = train(load_recipe("tones.yaml", ["train.steps=40"]), "run")
    assert results["tasks"]["pitch"]["exact-match"] >= 0.9
    for control in ("no-media", "shuffled-media"):
        assert results["controls"][control]["pitch"]["exact-match"] <= 0.6
