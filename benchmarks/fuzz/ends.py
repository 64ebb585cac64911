"""How what is read may end: in values, or in an error that says what is wrong."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from multigraft.core.errors import BadSample, MultigraftError, legible

_TERMINAL = "\x1b\x07\x08\x00"
"""What a message must not send to a terminal."""


class Ends:
    """Counts how calls end; any other error than those allowed goes up."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def of(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What a call gives; None where it ends in an error that is allowed."""
        try:
            value = call(*arguments)
        except (BadSample, MultigraftError) as error:
            self._look_at(error)
            self.counts[type(error).__name__] += 1
            return None
        self.counts["values"] += 1
        return value

    def worst(self) -> str:
        """How the case ended: in the first error there is, or in values alone."""
        return next((each for each in self.counts if each != "values"), "values")

    def _look_at(self, error: Exception) -> None:
        """Its text can be stored and shown, that of a bad sample as runs do it, and it hides no lack of memory.

        pyarrow may lack some: it makes room for as much as a damaged file says, and does not fill it.
        """
        text = f"{error.reason}: {legible(error.detail)}" if isinstance(error, BadSample) else str(error)
        text.encode()
        if any(each in text for each in _TERMINAL):
            raise AssertionError(f"a message with control characters: {text!r}")
        behind: BaseException | None = error
        while behind is not None:
            if isinstance(behind, MemoryError) and not type(behind).__module__.startswith("pyarrow"):
                raise behind
            behind = behind.__cause__ or behind.__context__
