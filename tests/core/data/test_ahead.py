"""A thread makes items ahead, never more than it has room for, and one more for each that is taken."""

from contextlib import closing
from threading import Event

import pytest

from multigraft.core.data.prefetch import Ahead


class Counting:
    """Counts upwards; `wait_for` says when so many numbers were made."""

    def __init__(self, stop):
        self.made, self.stop, self.closed = 0, stop, False
        self._events = [Event() for _ in range(stop + 1)]

    def __iter__(self):
        return self

    def __next__(self):
        if self.made == self.stop:
            raise StopIteration
        self.made += 1
        self._events[self.made].set()
        return self.made

    def wait_for(self, count):
        assert self._events[count].wait(5)

    def is_made(self, count):
        return self._events[count].wait(0.05)

    def close(self):
        self.closed = True


def test_items_come_in_their_order_and_end():
    with closing(Ahead(Counting(20), 3)) as items:
        assert list(items) == list(range(1, 21))
        assert list(items) == []


def test_another_is_made_when_the_next_is_asked_for_or_may_be_made_before():
    numbers = Counting(9)
    with closing(Ahead(numbers, 2)) as items:
        numbers.wait_for(2)
        assert not numbers.is_made(3)
        assert next(items) == 1
        assert not numbers.is_made(3)
        items.go_on()
        numbers.wait_for(3)
        items.go_on()
        assert not numbers.is_made(4)
        assert next(items) == 2
        assert not numbers.is_made(4)
        assert next(items) == 3
        numbers.wait_for(4)
    assert numbers.closed


def test_an_error_comes_where_its_item_would():
    def broken():
        yield 1
        raise OSError("gone")

    with closing(Ahead(broken(), 4)) as items:
        assert next(items) == 1
        for _ in range(2):
            with pytest.raises(OSError, match="gone"):
                next(items)
