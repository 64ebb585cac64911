"""Errors, and texts made fit for them.

The command line prints those that a user can mend without a traceback, and exits with 2.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_LONGEST = 300


class MultigraftError(Exception):
    """Base of all errors whose cause lies in what the user gave: a recipe, a file, a plugin, a checkpoint."""


class OptionError(MultigraftError):
    """A value in a recipe that cannot be used, with its place there.

    Args:
        location: keys and indices; a component gives those below its own options, and `below` puts its place in front.
        hint: the nearest known name, or what to do.
    """

    def __init__(self, location: Sequence[str | int], message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.location, self.message, self.hint = tuple(location), message, hint


class ComponentError(MultigraftError):
    """A recipe names a component that is not there, is ambiguous or cannot be loaded."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint


class BadSample(Exception):  # noqa: N818 - the project's name for it
    """A sample that cannot be used. `reason` is a short, countable text; `detail` says what was seen."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@contextmanager
def below(*location: str | int) -> Iterator[None]:
    """Errors in here belong to a place in the recipe.

    Raises:
        OptionError: instead of any error that a user can mend, and of ValueError.
    """
    try:
        yield
    except OptionError as error:
        raise OptionError((*location, *error.location), error.message, error.hint) from error.__cause__
    except (MultigraftError, ValueError) as error:
        raise OptionError(location, str(error)) from error


def legible(text: str) -> str:
    """The text with unprintable characters and lone surrogates escaped; a long one is cut with a word."""
    more = len(text) - _LONGEST
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text[:_LONGEST])
    return f"{shown}... and {more:,} more characters" if more > 0 else shown
