"""The nearest known name, for error texts."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_NAMES = 12


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest of `known`, and what there is."""
    names = sorted(set(known))
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return " ".join([*(f"did you mean {one!r}?" for one in near), listing(names)])


def listing(names: Iterable[str]) -> str:
    """`known: a, b, c`, shortened when there are many."""
    every = sorted(names)
    if not every:
        return "there are none"
    shown = ", ".join(every[:_MOST_NAMES])
    more = len(every) - _MOST_NAMES
    return f"known: {shown} and {more} more" if more > 0 else f"known: {shown}"
