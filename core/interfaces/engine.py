"""Engine: runs pieces of work that know nothing of each other, on one machine or many.

A component's `build(options) -> Engine`; its options subclass `EngineOptions`. Work and answers are texts, so an engine
need know nothing of what is done.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

Worker = Callable[[str], str]
"""Does one piece of work."""


class Engine(ABC):
    """Where pieces of work are done."""

    @abstractmethod
    def run(self, start: Callable[[], Worker], work: Sequence[str]) -> Iterator[tuple[int, str]]:
        """The number of each piece and the answer to it, in the order in which they are done.

        A piece may be done twice, as after a machine was lost; that changes nothing. An error of a piece ends the run.

        Args:
            start: called once by each worker before its first piece; it can be pickled, and its module is there on
                every machine.
        """
