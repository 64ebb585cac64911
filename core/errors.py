"""Errors that a user can mend. The command line prints them without a traceback and exits with 2."""


class MultigraftError(Exception):
    """Base of all errors whose cause lies in what the user gave: a recipe, a file, a plugin, a checkpoint."""
