"""Whether an engine keeps its contract: an answer to each piece of work, and errors that end the run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from multigraft.core.interfaces.engine import Engine, Worker
from multigraft.core.options.base import Options

_REFUSED = "refused"


@dataclass(frozen=True)
class _Start:
    """Starts workers that turn texts round, and fail at one."""

    mark: str

    def __call__(self) -> Worker:
        return self._work

    def _work(self, text: str) -> str:
        if text == _REFUSED:
            raise ValueError("a piece of work that fails")
        return f"{self.mark}{text[::-1]}"


def wrong_engine(build: Any, options: Options) -> Iterator[str]:
    """What is wrong with what `build` makes of the options, without any work: that may start a cluster."""
    engine = build(options)
    if not isinstance(engine, Engine):
        yield f"`build` gives {type(engine).__name__}, no Engine"
    elif answers := list(engine.run(_Start(""), [])):
        yield f"to no work it gives the answers {answers}"


def wrong_answers(engine: Engine) -> Iterator[str]:
    """Everything that is wrong with what an engine does with work."""
    work = [str(number) for number in range(12)]
    answers = sorted(engine.run(_Start("of "), work))
    if answers != [(number, f"of {text[::-1]}") for number, text in enumerate(work)]:
        yield f"to {len(work)} pieces of work it gives the answers {answers}"
    try:
        list(engine.run(_Start(""), ["1", _REFUSED]))
    except Exception:  # of whatever kind it is
        return
    yield "it goes on where a piece of work has failed"
