"""An engine whose workers are threads of this process."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import local

from multigraft import Engine
from multigraft_sample.options import ThreadsOptions


class Threads(Engine):
    """Starts a worker in each thread."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, start: Callable[[], Callable[[str], str]], work: Sequence[str]) -> Iterator[tuple[int, str]]:
        """In the order in which they are done."""
        own = local()

        def begin() -> None:
            own.work = start()

        with ThreadPoolExecutor(self._workers, initializer=begin) as pool:
            pieces = {pool.submit(lambda text: own.work(text), text): number for number, text in enumerate(work)}
            for piece in as_completed(pieces):
                yield pieces[piece], piece.result()


def build(options: ThreadsOptions) -> Threads:
    """The engine."""
    return Threads(options.workers)
