"""What `pip install .` brings: one package, with its recipes, weights and types."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(pip, check=True, capture_output=True, text=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    ZipFile(wheel).extractall(folder)
    return folder


def test_the_wheel_holds_one_package_and_all_that_it_needs(wheel):
    names = ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"multigraft"}
    tree = {
        str(path.relative_to(ROOT))
        for folder in ("core", "plugins", "tasks", "configs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "_package" not in path.parts
    }
    assert {f"multigraft/{name}" for name in tree} <= set(names)
    assert {"multigraft/__init__.py", "multigraft/__main__.py", "multigraft/py.typed"} <= set(names)
    assert "multigraft/plugins/backbones/sapling_weights/model.safetensors" in names


def test_the_wheel_runs_away_from_the_checkout(unpacked, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-m", "multigraft", "check", "--shape", "quickstart"]
    outcome = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (outcome.returncode, outcome.stdout) == (0, "quickstart: no problems found\n"), outcome.stderr


@pytest.mark.parametrize("installed", ["wheel", "checkout"])
def test_type_checkers_see_the_package(installed, request, tmp_path):
    environment = dict(os.environ)
    if installed == "wheel":
        environment["MYPYPATH"] = str(request.getfixturevalue("unpacked"))
    wrong = tmp_path / "wrong.py"
    wrong.write_text('from multigraft import Component\n\nComponent(name=3, config="a:B", build="a:b")\n')
    mypy = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache"), str(wrong)]
    outcome = subprocess.run(mypy, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert 'Argument "name" to "Component" has incompatible type "int"; expected "str"' in outcome.stdout
