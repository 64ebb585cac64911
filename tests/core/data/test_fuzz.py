"""A few hostile files of each kind, as `benchmarks/fuzz` opens them by the thousand; and what it would find."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[3] / "benchmarks" / "fuzz"
PLANTED = """
import os, pickle, sys, time
sys.path.insert(0, sys.argv[3])
import worker
from payloads import Payloads
from pathlib import Path

class Planted:
    def __init__(self, watched):
        self.payloads = Payloads(watched)

    def whole(self, folder):
        pass

    def make(self, draw, folder):
        (folder / "number").write_text(folder.name.rpartition("-")[2])

    def read(self, folder, ends):
        number = int((folder / "number").read_text() if (folder / "number").exists() else 0)
        if number == 1:
            {}["missing"]
        if number == 2:
            while time.process_time() < 60 and sum(range(1000)) and time.process_time() - self.start < 1.2:
                pass
        if number == 3:
            held = b"x" * (600 << 20)
        if number == 4:
            pickle.loads(self.payloads.binary[0])
        if number == 5:
            Path("left").touch()
        if number == 6:
            (folder / "index").touch()
        if number == 7:
            os.abort()
        self.start = time.process_time()
        ends.of(str, 1)

worker.READERS["planted"] = "__main__:Planted"
worker.main()
"""


@pytest.mark.parametrize("reader", ["tar", "record", "index", "features", "picture", "video"])
def test_hostile_files_end_in_values_or_in_an_error_that_says_what_is_wrong(tmp_path, reader):
    words = [sys.executable, FUZZ / "fuzz.py", "--readers", reader, "--cases", 30, "--blocks", 1, "--folder", tmp_path]
    ran = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    piece = json.loads((tmp_path / "pieces" / f"{reader}-0.json").read_text())
    assert piece["findings"] == []
    assert ran.returncode == 0, ran.stderr
    assert sum(piece["ends"].values()) == 30
    assert piece["ends"]["values"], "some are sound enough to be read"
    assert f"| {reader} | 30 |" in (tmp_path / "fuzz.md").read_text()


def test_what_would_be_found(tmp_path):
    words = [sys.executable, "-c", PLANTED, "planted", str(tmp_path), str(FUZZ)]
    ran = subprocess.run(words, input="0\n1\n2\n3\n4\n5\n6\n7\n8\n", capture_output=True, text=True)
    sound, *results = map(json.loads, ran.stdout.splitlines())
    assert sound == {"sound": True}
    told = [" ".join(result["faults"]) for result in results]
    assert told[0] == told[6] == ""
    assert told[1].startswith("KeyError: 'missing'")
    assert told[2].startswith("slow: 1.")
    assert told[3].startswith("large: ")
    assert told[4:6] == ["the canary was written", f"{tmp_path}/a/b/empty/left was written"]
    assert len(results) == 7, "the process died"
    assert "Fatal Python error: Aborted" in ran.stderr
