"""Running the command line."""

import json
import subprocess
import sys
import tarfile

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli

RECIPE = """\
trunk: {backbone: sapling}
tasks:
  vqa: {kind: visual-question-answering, data: [a.tar]}
"""
PRINT_MODULES = """
import sys
from multigraft.core.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `multigraft ...` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="multigraft")


@pytest.fixture
def recipe(tmp_path):
    """A recipe whose only shard is there."""
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    (tmp_path / "a.tar").touch()
    return path


@pytest.fixture
def imported_by(tmp_path):
    """Top-level modules that a process of its own has after `multigraft ...`."""

    def names(*arguments):
        command = [sys.executable, "-c", PRINT_MODULES, *map(str, arguments)]
        outcome = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert outcome.returncode == 0, outcome.stderr
        return {name.partition(".")[0] for name in outcome.stderr.split()}

    return names


@pytest.fixture
def bad_tar(tmp_path):
    """Write a tar of two records: an annotation with bad answers and one without its picture, and what is no JSON."""

    def write(path):
        notes = [{"id": "a", "task": "t", "answers": 1}, {"id": "b", "task": "t", "media": ["png"]}]
        (tmp_path / "k.json").write_text(json.dumps({"id": "k", "annotations": notes}))
        (tmp_path / "l.json").write_text("?")
        with tarfile.open(path, "w") as tar:
            for name in ("k.json", "l.json"):
                tar.add(tmp_path / name, name)

    return write
