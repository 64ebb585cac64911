"""Where the seconds of a run go: making steps, waiting for data, scoring, saving; the rest is opening."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

Kind = Literal["step", "wait", "score", "save"]

_TRAINING: tuple[Kind, ...] = ("step", "wait", "save")


class Times:
    """Measures one kind at a time: what begins inside another kind is taken from it.

    Args:
        clock: seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._started = clock, clock()
        self._earlier = {"train": 0.0, "score": 0.0, "total": 0.0}
        self._spent: dict[Kind, float] = {"step": 0.0, "wait": 0.0, "score": 0.0, "save": 0.0}
        self._kind: Kind | None = None
        self._since = self._started

    @contextmanager
    def spending(self, kind: Kind) -> Iterator[None]:
        """What happens inside is of this kind."""
        before = self._kind
        self._switch(kind)
        try:
            yield
        finally:
            self._switch(before)

    def spent(self, *kinds: Kind) -> float:
        """Seconds of some kinds in this session."""
        self._switch(self._kind)
        return sum(self._spent[kind] for kind in kinds)

    def go_on(self, *earlier: Mapping[str, float]) -> None:
        """Add to what earlier sessions took: the longest of several accounts of them."""
        known = max(earlier, key=lambda seconds: seconds.get("total", 0.0))
        self._earlier = {name: float(known.get(name, 0.0)) for name in self._earlier}

    def of_all_sessions(self) -> dict[str, float]:
        """What `results.json` has: `train` (steps, waiting for data, saving), `score`, and the whole as `total`."""
        own = {
            "train": self.spent(*_TRAINING),
            "score": self.spent("score"),
            "total": self._since - self._started,
        }
        return {name: self._earlier[name] + seconds for name, seconds in own.items()}

    def _switch(self, kind: Kind | None) -> None:
        now = self._clock()
        if self._kind is not None:
            self._spent[self._kind] += now - self._since
        self._kind, self._since = kind, now
