"""Tries again what may fail for a while."""

import re
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from multigraft.core.errors import MultigraftError, legible

TRIES = 3
_FIRST_PAUSE = 0.5
"""Seconds; each pause is twice the one before."""
_LOGIN = re.compile(r"//[^/\s]*@")
"""In an address."""
Result = TypeVar("Result")


class GoneError(MultigraftError):
    """There is nothing at an address, or nobody may have it."""


def tried(what: str, act: Callable[[], Result]) -> Result:
    """What `act` gives, after up to three tries; each that fails is said on stderr. A MultigraftError is what asking
    again would not help, and ends it at once.

    Raises:
        MultigraftError: what `act` raised; or all tries failed, with the reason of the last one.
    """
    pause, reason = _FIRST_PAUSE, ""
    for number in range(1, TRIES + 1):
        try:
            return act()
        except MultigraftError:
            raise
        except Exception as error:  # of any network, store and driver
            reason = told(error)
        if number < TRIES:
            print(f"{what}: {reason}; try {number + 1} of {TRIES} in {pause:g} s", file=sys.stderr, flush=True)
            time.sleep(pause)
            pause *= 2
    raise MultigraftError(f"{what} failed {TRIES} times; the last time: {reason}")


def told(error: BaseException) -> str:
    """An error in one line, without passwords of addresses; of one that hides another, the other."""
    inner = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
    status = getattr(inner, "status", None)
    text = str(getattr(inner, "message", None) or inner).partition("\n")[0]
    text = _LOGIN.sub("//", text)
    return legible(f"HTTP {status} {text}".strip() if status else f"{type(inner).__name__}: {text}".rstrip(": "))
