"""Lists of labels from files, one label a line."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def read_labels(source: str) -> list[str]:
    """The lines of `path:FILE`, or of `package:PACKAGE/FILE`, a file that comes with an installed package.

    An empty line between others is the empty label, which is one of VQA 2.0's 3,129 answers; at the end it is none.

    Raises:
        ValueError: it is neither, or cannot be read.
    """
    scheme, _, value = source.partition(":")
    if scheme not in ("path", "package") or not value:
        raise ValueError(f"labels are a list, `path:FILE` or `package:PACKAGE/FILE`, and {source!r} is none of these")
    try:
        lines = _file(scheme, value).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError, ModuleNotFoundError) as error:
        raise ValueError(f"{source} cannot be read: {error}") from None
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _file(scheme: str, value: str) -> Traversable:
    if scheme == "path":
        return Path(value).expanduser()
    package, _, name = value.partition("/")
    return files(package).joinpath(name)
