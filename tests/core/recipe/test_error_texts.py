"""Error texts, compared with tests/snapshots/recipes/NAME.txt. In NAME.yaml `# --set` lines give overrides."""

from pathlib import Path

import pytest

from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError

FOLDER = Path(__file__).parents[2] / "snapshots" / "recipes"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_all_snapshots_are_found():
    assert len(NAMES) == 8
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_error_text(name, registry, monkeypatch):
    monkeypatch.chdir(FOLDER)
    lines = Path(f"{name}.yaml").read_text().splitlines()
    overrides = [line.removeprefix("# --set ") for line in lines if line.startswith("# --set ")]
    with pytest.raises(RecipeError) as caught:
        load_recipe(f"{name}.yaml", overrides, registry)
    assert str(caught.value) + "\n" == Path(f"{name}.txt").read_text()
