"""Opens hostile files as a run does, 100,000 of them: each must end in values or in an error that says what is wrong.

`python benchmarks/fuzz/fuzz.py [--minutes M]` makes pieces of a thousand cases that are not there yet, and writes
fuzz.md from all that are. It can be stopped at any time. A case is its seed: `--case tar-1234` runs one, `--again`
those of all findings. See README.md.
"""

import argparse
import json
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pieces import HERE, NAMES, Piece, every_piece, stored, table

from multigraft.core.atomic import write_json, write_text

_PATIENCE = 180
"""Seconds of the clock that starting a process, or a case, may take."""
_TAIL = 300


class Worker:
    """A process that runs cases of a reader; another one takes its place when it dies."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._process: subprocess.Popen[str] | None = None

    def run(self, number: int) -> dict[str, Any]:
        """How a case ends. A case with faults is run once more in a new process, and those that come again count."""
        result = self._once(number)
        if result["faults"]:
            self.end()
            again = self._once(number)
            if not again["faults"]:
                return again | {"once": result["faults"]}
            result = again
        return result

    def _once(self, number: int) -> dict[str, Any]:
        process = self._process or self._start()
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        answer = self._answer(process)
        if answer is None:
            why = f"the process died: {self._why()}"
            self.end()
            return {"end": "death", "seconds": 0.0, "bytes": 0, "faults": [why]}
        return answer

    def _start(self) -> "subprocess.Popen[str]":
        self._watched, self._errors = tempfile.mkdtemp(prefix="fuzz-"), tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", self._reader, self._watched],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip
        answer = self._answer(self._process)
        if answer != {"sound": True}:
            sys.exit(f"{self._reader}: sound files cannot be read: {answer or self._why()}")
        return self._process

    def _answer(self, process: "subprocess.Popen[str]") -> dict[str, Any] | None:
        """None where the process died, or had to be killed."""
        if not select.select([process.stdout], [], [], _PATIENCE)[0]:
            process.kill()
        line = process.stdout.readline()
        return json.loads(line) if line else None

    def _why(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        return f"exit status {status}; {self._errors.read().decode('utf-8', 'replace').strip()[-_TAIL:]}"

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._errors.close()
            shutil.rmtree(self._watched, ignore_errors=True)
            self._process = None


def run_piece(piece: Piece, worker: Worker) -> dict[str, Any]:
    """All cases of a piece."""
    ends: Counter[str] = Counter()
    findings, once, start, spent = list[dict[str, str]](), list[dict[str, str]](), time.monotonic(), 0.0
    slowest, largest = {"seed": "", "seconds": 0.0}, {"seed": "", "bytes": 0}
    for number in piece.cases:
        seed, result = f"{piece.reader}-{number}", worker.run(number)
        ends[result["end"]] += 1
        spent += result["seconds"]
        findings += [{"seed": seed, "fault": fault, "now": "there"} for fault in result["faults"]]
        once += [{"seed": seed, "fault": fault} for fault in result.get("once", ())]
        slowest = max(slowest, {"seed": seed, "seconds": result["seconds"]}, key=lambda each: each["seconds"])
        largest = max(largest, {"seed": seed, "bytes": result["bytes"]}, key=lambda each: each["bytes"])
    return {
        "reader": piece.reader, "block": piece.block, "cases": len(piece.cases), "ends": dict(ends), "slowest": slowest,
        "largest": largest, "findings": findings, "seen_once": once, "processor_seconds": round(spent, 1),
        "clock_seconds": round(time.monotonic() - start, 1),
    }  # fmt: skip


def run_all(pieces: Sequence[Piece], folder: Path, minutes: float) -> None:
    """Pieces that are not there yet, while there is time."""
    until = time.monotonic() + 60 * minutes
    for piece in pieces:
        if piece.path(folder).exists() or time.monotonic() > until:
            continue
        worker = Worker(piece.reader)
        try:
            made = run_piece(piece, worker)
        finally:
            worker.end()
        write_json(piece.path(folder), made)
        print(f"{piece.reader}-{piece.block}: {made['cases']} cases, {len(made['findings'])} findings, "
              f"{made['clock_seconds']} s", flush=True)  # fmt: skip


def run_again(folder: Path) -> None:
    """The seeds of all findings: which of them are mended by now."""
    for made in stored(folder):
        worker = Worker(made["reader"])
        try:
            for finding in made["findings"]:
                faults = worker.run(int(finding["seed"].rpartition("-")[2]))["faults"]
                finding["now"] = "there" if faults else "mended"
        finally:
            worker.end()
        if made["findings"]:
            write_json(folder / f"{made['reader']}-{made['block']}.json", made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no piece later than this")
    parser.add_argument("--readers", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--cases", type=int, help="only the first so many of each block")
    parser.add_argument("--blocks", type=int, help="only the first so many")
    parser.add_argument("--folder", type=Path, default=HERE, help="where pieces/ and fuzz.md are")
    parser.add_argument("--case", help="run one, such as tar-1234, and print how it ends")
    parser.add_argument("--again", action="store_true", help="run the seeds of all findings again")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    if given.case:
        reader, _, number = given.case.rpartition("-")
        worker = Worker(reader)
        print(json.dumps(worker.run(int(number)), indent=1))
        worker.end()
        return
    folder = given.folder / "pieces"
    folder.mkdir(exist_ok=True)
    if given.again:
        run_again(folder)
    else:
        wanted = [piece for piece in every_piece() if piece.reader in given.readers]
        wanted = [piece for piece in wanted if given.blocks is None or piece.block < given.blocks]
        run_all([Piece(each.reader, each.block, each.cases[: given.cases]) for each in wanted], folder, given.minutes)
    pieces = stored(folder)
    write_text(given.folder / "fuzz.md", table(pieces))
    sys.exit(any(finding["now"] == "there" for piece in pieces for finding in piece["findings"]))


if __name__ == "__main__":
    main()
