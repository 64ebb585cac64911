"""Where the seconds of a run go: making data, encoding, steps, waiting for data, scoring; the rest is opening."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

_TRAINING = ("step", "wait", "save")
"""Kinds that are told as parts of `train`."""


class Times:
    """Measures one kind at a time: what begins inside another kind is taken from it.

    Kinds are `make` (data), `check`, `encode` (media), `step`, `wait`, `save`, and `score` or `score/WHAT`.

    Args:
        clock: seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._started = clock, clock()
        self._earlier: dict[str, float] = {}
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._kind: str | None = None
        self._since = self._started

    @contextmanager
    def spending(self, kind: str) -> Iterator[None]:
        """What happens inside is of this kind."""
        before = self._kind
        self._switch(kind)
        try:
            yield
        finally:
            self._switch(before)

    def spent(self, *kinds: str) -> float:
        """Seconds of some kinds in this session."""
        self._switch(self._kind)
        return sum(self._spent[kind] for kind in kinds)

    def go_on(self, *earlier: Mapping[str, float]) -> None:
        """Add to what earlier sessions took: the longest of several accounts of them."""
        known = max(earlier, key=lambda seconds: seconds.get("total", 0.0))
        self._earlier = {name: float(seconds) for name, seconds in known.items()}

    def of_all_sessions(self) -> dict[str, float]:
        """What `results.json` has: seconds of each kind that took any, `WHOLE/PART` within `WHOLE`, and all as `total`.

        `train` has the parts `step`, `wait` (for data) and `save`; `score` has a part for each split and control.
        """
        self._switch(self._kind)
        seconds = defaultdict(float, {"train": 0.0, "score": 0.0} | self._earlier)
        for kind, spent in self._spent.items():
            name = f"train/{kind}" if kind in _TRAINING else kind
            for each in {name, name.partition("/")[0]}:
                seconds[each] += spent
        seconds["total"] += self._since - self._started
        return dict(sorted(seconds.items(), key=lambda item: (item[0] == "total", item[0])))

    def _switch(self, kind: str | None) -> None:
        now = self._clock()
        if self._kind is not None:
            self._spent[self._kind] += now - self._since
        self._kind, self._since = kind, now
