"""A copy of the benchmark's scripts in a project of its own, run in processes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = "# A project\n\n<!-- quickstart scores -->\n<!-- /quickstart scores -->\n\nThe end.\n"


@pytest.fixture(scope="session")
def copied():
    """Copy the scripts, and what stands around them, into a folder; returns the folder of the scripts."""

    def copy(project):
        folder = project / "benchmarks" / "quickstart"
        shutil.copytree(
            ROOT / "benchmarks" / "quickstart", folder, ignore=shutil.ignore_patterns("*.json", "__pycache__")
        )
        (project / "README.md").write_text(PAGE)
        return folder

    return copy


@pytest.fixture(scope="session")
def script():
    """Run a script with arguments, in its project's folder."""

    def run(path, *words):
        command = [sys.executable, path, *map(str, words)]
        return subprocess.run(command, cwd=path.parents[2], capture_output=True, text=True, check=False)

    return run
