"""Errors that a user can mend. The command line prints them without a traceback and exits with 2."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


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
