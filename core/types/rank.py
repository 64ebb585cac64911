"""Which process of a run this is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rank:
    """Which slice of each global batch, or of an evaluation, is this process's."""

    number: int = 0
    world: int = 1
