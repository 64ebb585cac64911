"""Which line of a plugin's own code an error comes from."""

import inspect
import linecache
import traceback
from collections.abc import Callable
from typing import Any


def own_frame(error: BaseException, module: str) -> str:
    """`FILE:LINE: code` of the last frame that lies in the package of `module`; empty if there is none.

    Args:
        module: dotted name of a module, or a file's stem; its first word is the package.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return _place(error.filename, error.lineno)
    package = module.partition(":")[0].partition(".")[0].strip()
    places = [
        _place(frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
    ]
    return places[-1] if places else ""


def own_line(function: Callable[..., Any]) -> str:
    """`FILE:LINE: code` of where a function is defined; empty for what is not written in Python."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ""
    first = code.co_firstlineno
    lines = range(first, first + 20)  # decorators come before the line of the name
    named = (
        line for line in lines if linecache.getline(code.co_filename, line).lstrip().startswith(("def ", "async "))
    )
    return _place(code.co_filename, next(named, first))


def told(error: BaseException) -> str:
    """The kind of an error and what it says, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _place(file: str, line: int) -> str:
    linecache.checkcache(file)
    code = linecache.getline(file, line).strip()
    return f"{file}:{line}: {code}" if code else f"{file}:{line}"
