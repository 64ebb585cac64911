"""A process's share of what all of a run do together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Which slice of each global batch, or of an evaluation, is this process's."""

    rank: int = 0
    world: int = 1
