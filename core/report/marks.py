"""One colour a task, the same everywhere on a page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

COLOURS = 8
"""Colours of the page's style sheet that colour-blind readers can tell apart (after Okabe and Ito 2008)."""
DASHES = ("", "6 3", "1.5 3", "8 3 1.5 3")
"""Stroke patterns of SVG, one for each round through the colours."""


@dataclass(frozen=True)
class Mark:
    """How a task is drawn."""

    colour: int
    """Number of a colour of the style sheet."""
    dashes: str = ""
    """Pattern of its line."""


NEUTRAL = Mark(COLOURS)
"""For what belongs to no task."""


def marks_of(tasks: Iterable[str]) -> Mapping[str, Mark]:
    """A mark for each task in the order given; the first 32 differ."""
    return {
        task: Mark(number % COLOURS, DASHES[number // COLOURS % len(DASHES)])
        for number, task in enumerate(dict.fromkeys(tasks))
    }
