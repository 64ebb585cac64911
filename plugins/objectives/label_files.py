"""Lists of labels from files, one label a line."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def read_labels(source: str) -> list[str]:
    """The lines of `path:FILE`, or of `package:PACKAGE/FILE`, a file that comes with an installed package.

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
    return [line for line in lines if line]


def _file(scheme: str, value: str) -> Traversable:
    if scheme == "path":
        return Path(value).expanduser()
    package, _, name = value.partition("/")
    return files(package).joinpath(name)
