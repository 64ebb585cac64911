"""Verbs on a disk that takes no more: one line, exit code 2, and the old files as they were."""

import resource
import shutil
import subprocess
import sys

import pytest

ROOM = 700
"""Bytes that a file may have at most."""


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def on_a_full_disk(command):
    """Run `multigraft ...` where no file may be larger than ROOM."""

    def allow_little():
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))

    return lambda *words: command(*words, preexec_fn=allow_little)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (("report", "run"), "run/report.html"),
        (("export", "run", "--task", "vqa"), "run/export-vqa"),
        (("eval", "run", "--split", "validation"), "run/predictions/vqa.jsonl"),
        (("init", "recipe.yaml"), "recipe.yaml"),
        (("data", "quickstart", "data", "--only", "openmoji", "--limit", "9"), "data"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_it_is_said_in_a_line_and_the_old_files_stay(on_a_full_disk, trained, tmp_path, monkeypatch, words, written):
    shutil.copytree(trained.folder, tmp_path / "run")
    (tmp_path / "run" / "report.html").write_text("the page of yesterday")
    before = contents(tmp_path)
    monkeypatch.chdir(tmp_path)
    outcome = on_a_full_disk(*words)
    last = outcome.stderr.splitlines()[-1]
    assert last.startswith(f"{written} cannot be written: ")
    assert "File too large" in last
    assert outcome.returncode == 2
    assert "Traceback" not in outcome.stderr
    left = {name: content for name, content in contents(tmp_path).items() if ".openmoji.partial" not in str(name)}
    assert left == before


LOG = """
import resource, sys
from pathlib import Path
from multigraft.core.registry.registry import load_registry
from multigraft.core.run.loggers import open_loggers
from multigraft.plugins.loggers.options import CsvOptions, JsonLinesOptions

options = [JsonLinesOptions(kind="jsonl"), CsvOptions(kind="csv")]
scalars = open_loggers(options, load_registry(), Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for step in range(20):
    scalars.log(step, {"train/loss": 1.0})
scalars.resume(3)
scalars.close()
print("ended")
"""


def test_loggers_that_have_no_room_are_switched_off(tmp_path):
    outcome = subprocess.run([sys.executable, "-c", LOG, str(tmp_path)], capture_output=True, text=True)
    assert outcome.stdout == "ended\n"
    off = "logger '{}' is switched off for this run: OSError(27, 'File too large')"
    assert sorted(outcome.stderr.splitlines()) == [off.format("csv"), off.format("jsonl")]
