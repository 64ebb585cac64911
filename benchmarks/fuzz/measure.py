"""What a process and those that it started take: processor time, and memory at its peak. For Linux."""

import os
import resource
import time
from pathlib import Path

_PEAK = "5"
"""Written to `clear_refs`, it makes the peak what is held now: proc(5)."""


def children() -> list[int]:
    """Processes that this one started and that live."""
    return [int(each) for task in Path("/proc/self/task").iterdir() for each in _text(task / "children").split()]


def seconds() -> float:
    """Processor time so far, of all threads, and of the processes that were started."""
    ended, tick = resource.getrusage(resource.RUSAGE_CHILDREN), os.sysconf("SC_CLK_TCK")
    living = (_text(Path(f"/proc/{each}/stat")).rpartition(")")[2].split() for each in children())
    total = sum((int(fields[11]) + int(fields[12])) / tick for fields in living if fields)
    return time.process_time() + ended.ru_utime + ended.ru_stime + total


class Peaks:
    """Memory held from now on, at its peak, beyond what is held now."""

    def __init__(self) -> None:
        self._before = {}
        for each in ("self", *map(str, children())):
            self._before[each] = _kilobytes(each, "VmRSS")
            Path(f"/proc/{each}/clear_refs").write_text(_PEAK)

    def grown(self) -> int:
        """Bytes, of all processes together; those that have ended meanwhile are left out."""
        return 1024 * sum(max(0, _kilobytes(each, "VmHWM") - before) for each, before in self._before.items())


def bound(added: int) -> None:
    """Refuse this process, and each that it starts, address space of so many bytes beyond what it has."""
    most = 1024 * _kilobytes("self", "VmSize") + added
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _kilobytes(process: str, name: str) -> int:
    lines = _text(Path(f"/proc/{process}/status")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""
