"""Whether what is made of sources is kept beside the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_kept = ContextVar("kept", default=True)


def keeps_what_sources_become() -> bool:
    """Whether it may be; as long as nobody says otherwise."""
    return _kept.get()


@contextmanager
def nothing_made_of_sources_kept() -> Iterator[None]:
    """Make what is made of sources in temporary folders: for those who only look."""
    token = _kept.set(False)
    try:
        yield
    finally:
        _kept.reset(token)
