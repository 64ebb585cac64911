"""Works ahead in threads and hands results over in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_PATIENCE = 0.05
"""Seconds after which a thread looks whether anybody still wants what it has made."""


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


def ahead(items: Iterator[Item], room: int) -> Generator[Item]:
    """The items, made by a thread of its own up to `room` of them in advance; an error comes where its item would."""
    made: Queue[tuple[Item | None, BaseException | None]] = Queue(room)
    stopped = Event()

    def offer(item: Item | None, error: BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                made.put((item, error), timeout=_PATIENCE)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not offer(item, None):
                    return
        except BaseException as error:  # told where the item would have come
            offer(None, error)
        else:
            offer(None, StopIteration())

    thread = Thread(target=work, name="multigraft-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
        close = getattr(items, "close", None)
        if close:
            close()
