"""Bounds what decoding may allocate: a file of a few kilobytes can make native code ask for gigabytes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/statm")
_DATA_FIELD = 5
_bounded = False


def bound_this_process() -> None:
    """Let `memory_at_most` bound this process, whose memory must belong to one medium at a time."""
    global _bounded
    _bounded = sys.platform == "linux"


@contextmanager
def memory_at_most(added: int) -> Iterator[None]:
    """Within the block, memory asked for beyond `added` bytes is refused: a MemoryError, or native code's own error.

    Only in processes that decode and do nothing else, and on Linux; elsewhere nothing is bounded.
    """
    if not _bounded:
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    held = int(_STATUS.read_text().split()[_DATA_FIELD]) * resource.getpagesize()
    limits = [held + added, *(limit for limit in before if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
