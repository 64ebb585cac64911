"""Runs cases of one reader, each of which comes as a number on standard input: `python worker.py READER WATCHED`.

fuzz.py starts it, and starts another one when it dies.
"""

import faulthandler
import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import measure
from ends import Ends
from payloads import CANARY

from multigraft.core.errors import legible

READERS = {
    "tar": "tars:Tars", "record": "records:Records", "index": "index_files:Indices",
    "features": "feature_files:Features", "picture": "pictures:Pictures", "video": "clips:Clips",
}  # fmt: skip
"""Module and class of each: one is imported."""
MOST_SECONDS, MOST_BYTES = 1.0, 512 << 20
_GUARD_SECONDS, _GUARD_BYTES = 12, 2 << 30
"""Beyond these a case, and its process with it, is ended."""


class Cases:
    """The cases of a reader, each in a folder of its own within one that is watched."""

    def __init__(self, name: str, watched: Path) -> None:
        self._name, self._watched, self._home = name, watched, watched / "a" / "b"
        (self._home / "empty").mkdir(parents=True, exist_ok=True)
        os.chdir(self._home / "empty")
        module, _, reader = READERS[name].partition(":")
        self._reader: Any = getattr(importlib.import_module(module), reader)(watched)
        self._around = self._listing()

    def whole(self) -> bool:
        """Whether most of what is in sound files can be read, which loads all that is needed, too."""
        folder, ends = self._home / "whole", Ends()
        folder.mkdir()
        self._reader.whole(folder)
        self._reader.read(folder, ends)
        shutil.rmtree(folder)
        return 2 * ends.counts["values"] > ends.counts.total()

    def run(self, number: int) -> dict[str, Any]:
        """How a case ends, what it takes, and what is wrong."""
        folder, ends, faults = self._home / f"case-{number}", Ends(), list[str]()
        folder.mkdir()
        self._reader.make(Random(f"{self._name}-{number}"), folder)
        peaks, start = measure.Peaks(), measure.seconds()
        signal.setitimer(signal.ITIMER_PROF, _GUARD_SECONDS)  # its signal ends the process
        try:
            self._reader.read(folder, ends)
        except Exception as error:
            faults.append(_told(error))
        signal.setitimer(signal.ITIMER_PROF, 0)
        spent, grown = measure.seconds() - start, peaks.grown()
        shutil.rmtree(folder)
        faults += self._measured(spent, grown)
        faults += self._written()
        return {"end": ends.worst(), "seconds": round(spent, 4), "bytes": grown, "faults": faults}

    def _measured(self, spent: float, grown: int) -> Iterator[str]:
        if spent > MOST_SECONDS:
            yield f"slow: {spent:.1f} s of processor time"
        if grown > MOST_BYTES:
            yield f"large: {grown >> 20} MB"

    def _written(self) -> Iterator[str]:
        """What lies outside of the case's folder and did not before."""
        for path in sorted(self._listing() - self._around):
            yield f"{'the canary' if path.endswith(CANARY) else path} was written"
            os.remove(path)

    def _listing(self) -> set[str]:
        return {os.path.join(folder, name) for folder, _, names in os.walk(self._watched) for name in names}


def _told(error: Exception) -> str:
    """An error, and where in the package it came up."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "benchmarks" not in frame.filename]
    places = [f"{Path(frame.filename).name}:{frame.name}" for frame in frames][-3:]
    return f"{type(error).__name__}: {legible(str(error))} in {' > '.join(places)}"


def main() -> None:
    outgoing = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()
    name, watched = sys.argv[1], Path(sys.argv[2])
    cases = Cases(name, watched)
    sound = cases.whole()
    measure.bound(_GUARD_BYTES)
    print(json.dumps({"sound": sound}), file=outgoing, flush=True)
    for line in sys.stdin:
        print(json.dumps(cases.run(int(line))), file=outgoing, flush=True)


if __name__ == "__main__":
    main()
