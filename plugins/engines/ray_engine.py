"""Engine `ray`: pieces of work in a pool of Ray Data's actors."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from multigraft import Engine, MultigraftError
from multigraft.plugins.engines.options import RayOptions


class _Actor:
    """A worker as Ray Data wants it: rows to rows."""

    def __init__(self, start: Callable[[], Callable[[str], str]]) -> None:
        self._work = start()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"number": row["number"], "answer": self._work(row["text"])}


class RayEngine(Engine):
    """Keeps a pool of actors; Ray starts one again that dies, and gives its piece to another."""

    def __init__(self, options: RayOptions) -> None:
        self._options = options

    def run(self, start: Callable[[], Callable[[str], str]], work: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Each piece is a block of its own, so its answer comes as soon as it is done."""
        if not work:
            return
        import ray
        import ray.data

        options = self._options
        with _cluster(options.address):
            rows = [{"number": number, "text": text} for number, text in enumerate(work)]
            answers = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
                _Actor,
                fn_constructor_args=(start,),
                compute=ray.data.ActorPoolStrategy(size=options.workers, max_tasks_in_flight_per_actor=1),
                num_cpus=options.processors,
                num_gpus=options.gpus or None,
            )
            try:
                for row in answers.iter_rows():
                    yield row["number"], row["answer"]
            except ray.exceptions.RayError as error:
                raise MultigraftError(f"a worker failed: {_cause(error)}") from error


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Be joined to a cluster, by whoever began it."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    joined = ray.is_initialized()
    if not joined:
        ray.init(address=address, logging_level=logging.WARNING)
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    context = ray.data.DataContext.get_current()
    bars, context.enable_progress_bars = context.enable_progress_bars, False
    try:
        yield
    finally:
        context.enable_progress_bars = bars
        if not joined:
            ray.shutdown()


def _cause(error: BaseException) -> str:
    """What went wrong first, in its last line."""
    while (inner := getattr(error, "cause", None) or error.__cause__) is not None:
        error = inner
    return str(error).strip().rpartition("\n")[2] or type(error).__name__


def build(options: RayOptions) -> RayEngine:
    """The engine."""
    return RayEngine(options)
