"""`multigraft report RUN`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from multigraft.core.cli.report import report


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text("train: {steps: 5}\n")
    return tmp_path


def test_the_path_is_printed(run_folder: Path):
    outcome = CliRunner().invoke(report, [str(run_folder)])
    assert outcome.stdout == f"{run_folder / 'report.html'}\n"
    assert "5 steps" in (run_folder / "report.html").read_text()


def test_the_path_as_json(run_folder: Path):
    outcome = CliRunner().invoke(report, [str(run_folder), "--json"])
    assert json.loads(outcome.stdout) == {"report": str(run_folder / "report.html")}


def test_help_has_an_example():
    assert "Example: multigraft report runs/quickstart" in CliRunner().invoke(report, ["--help"]).stdout
