"""The nearest known name, for error texts."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

_MOST_NAMES = 12


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest of `known`, and what there is."""
    names = sorted(set(known))
    near = nearest(name, names)
    return " ".join([*([f"did you mean {near!r}?"] if near else []), listing(names)])


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The name most like it; empty if none is."""
    return next(iter(get_close_matches(name, sorted(set(known)), n=1, cutoff=cutoff)), "")


def nearest_file(path: Path) -> str:
    """` (did you mean PATH?)`, from what lies beside a path that is not there; empty if nothing is like it."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return ""
    near = nearest(path.name, names)
    return f" (did you mean {str(path.with_name(near))!r}?)" if near else ""


def listing(names: Iterable[str]) -> str:
    """`known: a, b, c`, shortened when there are many."""
    every = sorted(names)
    if not every:
        return "there are none"
    shown = ", ".join(every[:_MOST_NAMES])
    more = len(every) - _MOST_NAMES
    return f"known: {shown} and {more} more" if more > 0 else f"known: {shown}"
