"""Files appear whole or not at all, and what a killed process left of them does not stay."""

import signal
import subprocess
import sys

import pytest

from multigraft.core.atomic import write_folder, written_whole

WRITE = """
import sys
from pathlib import Path
from multigraft.core.atomic import written_whole
from multigraft.core.atomic import write_folder

def wait():
    print("half", flush=True)
    sys.stdin.readline()

def fill(folder):
    (folder / "file").write_text("half")
    wait()

path = Path(sys.argv[1])
if path.suffix:
    with written_whole(path) as temporary:
        temporary.write_text("other")
        wait()
else:
    write_folder(path, fill)
"""


@pytest.fixture
def half_written():
    """Start processes that have written half of a file, or of a folder, and go on when they are given a line."""
    started = []

    def start(path):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen([sys.executable, "-c", WRITE, str(path)], text=True, **pipes))
        assert started[-1].stdout.readline() == "half\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_a_kill_left_of_a_file_is_removed_by_the_next(half_written, tmp_path):
    process = half_written(tmp_path / "a.json")
    process.send_signal(signal.SIGKILL)
    process.wait()
    (tmp_path / ".a.json.17.part").write_text("of version 0.1, with a process number")
    (tmp_path / ".b.a.json.17.part").write_text("of another file")
    assert len(list(tmp_path.iterdir())) == 3
    with written_whole(tmp_path / "a.json") as temporary:
        temporary.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", ".b.a.json.17.part"}
    assert (tmp_path / "a.json").read_text() == "whole"


def test_what_a_kill_left_of_a_folder_is_removed_by_the_next(half_written, tmp_path):
    process = half_written(tmp_path / "folder")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "folder").exists()
    write_folder(tmp_path / "another", lambda folder: (folder / "file").write_text("whole"))
    assert [path.name for path in tmp_path.iterdir()] == ["another"]
    assert (tmp_path / "another" / "file").read_text() == "whole"


def test_what_a_living_process_writes_is_left_alone(half_written, tmp_path):
    process = half_written(tmp_path / "a.json")
    with written_whole(tmp_path / "a.json") as temporary:
        temporary.write_text("first")
    process.communicate("\n")
    assert process.returncode == 0
    assert (tmp_path / "a.json").read_text() == "other"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_on_an_error_the_old_file_stays(tmp_path):
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(FileNotFoundError), written_whole(tmp_path / "a.json") as temporary:
        temporary.write_bytes((tmp_path / "none").read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "old"
