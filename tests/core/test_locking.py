"""One writer of a folder: real processes that hold it, wait for it, or are killed."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.locking import HeldFolderError, holder_of, next_writer, only_writer

HOLD = """
import sys
from pathlib import Path
from multigraft.core.locking import next_writer
with next_writer(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.readline()
print("out", flush=True)
"""


@pytest.fixture
def hold():
    """Start a process that writes to a folder until it is given a line."""
    started = []

    def start(folder):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_is_refused_with_the_name_of_the_first(hold, tmp_path):
    first = hold(tmp_path)
    assert first.stdout.readline() == "in\n"
    with pytest.raises(HeldFolderError) as refused, only_writer(tmp_path, "name another"):
        pass
    host = os.uname().nodename
    said = str(refused.value)
    assert said.startswith(f"{tmp_path} is being written to by process {first.pid} on {host} (`-c {tmp_path}`) since 2")
    assert said.endswith("; name another")


def test_the_second_waits_and_says_for_whom(hold, tmp_path):
    first = hold(tmp_path)
    assert first.stdout.readline() == "in\n"
    second = hold(tmp_path)
    assert second.stderr.readline().startswith(
        f"waiting for {tmp_path}, which is being written to by process {first.pid}"
    )
    first.stdin.write("\n")
    first.stdin.flush()
    assert first.stdout.readline() == "out\n"
    assert second.stdout.readline() == "in\n"


def test_a_killed_process_holds_nothing(hold, tmp_path):
    first = hold(tmp_path)
    assert first.stdout.readline() == "in\n"
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert {path.name for path in tmp_path.iterdir()} == {".lock", ".lock.json"}
    with only_writer(tmp_path, ""):
        assert json.loads((tmp_path / ".lock.json").read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_the_number_of_a_living_process_holds_nothing(tmp_path):
    (tmp_path / ".lock.json").write_text(json.dumps({"pid": os.getpid(), "host": "h", "command": "c", "since": "s"}))
    with only_writer(tmp_path, ""):
        assert holder_of(tmp_path).startswith(f"process {os.getpid()} on ")


def test_many_that_wait_go_in_one_by_one(tmp_path):
    inside, most = [], []

    def write(number):
        with next_writer(tmp_path / "folder"):
            inside.append(number)
            most.append(len(inside))
            (tmp_path / "folder" / "file").write_text(str(number))
            inside.remove(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 6
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]


def test_who_holds_a_folder_may_take_it_again(tmp_path):
    with only_writer(tmp_path, ""):
        with next_writer(tmp_path), only_writer(tmp_path, ""):
            pass
        assert (tmp_path / ".lock.json").exists()
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(MultigraftError) as caught, only_writer(tmp_path, ""):
        pass
    assert str(caught.value) == f"{tmp_path} cannot be written: Is a directory ({tmp_path}/.lock)"
