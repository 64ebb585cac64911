"""Memory of a process that makes tensors of the same sizes over and over."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt (mallopt(3))."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Let glibc keep what tensors free, instead of giving it back and faulting it in again at every step.

    Without it, an encoder pass over 64 pictures took twice the processor time (benchmarks/memory). Other C libraries
    are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _NEVER)
