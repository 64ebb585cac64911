"""Works ahead in threads and hands results over in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import Queue
from threading import Semaphore, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int) -> Iterator[Result]:
    """`map(work, items)` with up to `ahead` results made in advance."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="multigraft-data")
    waiting: deque[Future[Result]] = deque()
    rest = iter(items)
    try:
        waiting.extend(pool.submit(work, item) for item in islice(rest, ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(rest, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Ahead(Generic[Item]):
    """The items, made by a thread of its own up to `room` of them in advance; an error comes where its item would.

    The thread makes another item for each that is taken: when the next one is asked for, or before, when `go_on` says
    that the thread that takes them has something to do that leaves the interpreter free.
    """

    def __init__(self, items: Iterator[Item], room: int) -> None:
        self._items, self._turns, self._owed = items, Semaphore(room), False
        self._made: Queue[tuple[Item | None, BaseException | None]] = Queue()
        self._stopped = False
        self._thread = Thread(target=self._work, name="multigraft-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        self.go_on()
        item, error = self._made.get()
        if error is not None:
            self._made.put((None, error))  # for whoever asks again
            raise error
        self._owed = True
        return item  # type: ignore[return-value]

    def go_on(self) -> None:
        """Let the thread make the item that takes the place of the one taken last."""
        if self._owed:
            self._owed = False
            self._turns.release()

    def close(self) -> None:
        """End the thread, and what it makes items of."""
        self._stopped = True
        self._turns.release()
        self._thread.join()
        if close := getattr(self._items, "close", None):
            close()

    def _work(self) -> None:
        try:
            while self._turns.acquire() and not self._stopped:
                self._made.put((next(self._items), None))
        except BaseException as error:  # told where the item would have come; the end is one
            self._made.put((None, error))
