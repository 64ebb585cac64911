"""Media in the cells of a table: as bytes, or as `{bytes, path}`, which Hugging Face's datasets make of them."""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from multigraft import BadSample, MediaPlace

if TYPE_CHECKING:
    from multigraft.plugins.sources.arrow_file import ArrowFile

_NAME = re.compile(r"([0-9]+)#([0-9]+)/(.+)\.[a-z0-9]+")
_STARTS = (
    (b"\xff\xd8\xff", "jpg"), (b"\x89PNG", "png"), (b"fLaC", "flac"), (b"\x1aE\xdf\xa3", "mkv"),
)  # fmt: skip
_RIFF = {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}


def named(value: Any, name: str) -> Any:
    """A value with names in place of the media in it; a medium that is a file elsewhere has the name of that.

    Args:
        name: of the value: `FILE#ROW/COLUMN`, both as numbers from 0, and behind dots keys and places deeper in it.
    """
    if isinstance(value, bytes):
        return f"{name}.{_ending(value)}"
    if isinstance(value, list):
        return [named(each, f"{name}.{place}") for place, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if set(value) != {"bytes", "path"}:
        return {key: named(each, f"{name}.{key}") for key, each in value.items()}
    if not value["bytes"]:
        return value["path"]
    return f"{name}.{_ending(value['bytes'], value['path'])}"


class EmbeddedMedia(MediaPlace):
    """The media of files by the names that `named` gives them.

    Args:
        open_file: a file by its number; None where there is none that may hold media.
    """

    def __init__(self, open_file: "Callable[[int], ArrowFile | None]") -> None:
        self._open_file = open_file

    def has(self, name: str) -> bool:
        """Whether a cell holds it."""
        return self._find(name) is not None

    def read(self, name: str) -> bytes:
        """The bytes of a medium.

        Raises:
            BadSample: it is not there any more.
        """
        data = self._find(name)
        if data is None:
            raise BadSample("missing medium", name)
        return data

    def _find(self, name: str) -> bytes | None:
        found = _NAME.fullmatch(name)
        file = self._open_file(int(found[1])) if found else None
        if found is None or file is None:
            return None
        columns = [each for each in file.schema.names if found[3] == each or found[3].startswith(f"{each}.")]
        if not columns:
            return None
        column = max(columns, key=len)
        value = file.value(int(found[2]), column)
        value = _deeper(value, [each for each in found[3][len(column) :].split(".") if each])
        data = value.get("bytes") if isinstance(value, dict) else value
        return data if isinstance(data, bytes) else None


def _deeper(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        if isinstance(value, list):
            value = value[int(key)] if key.isdecimal() and int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _ending(data: bytes, path: str | None = None) -> str:
    """What the file would end in, by its name or its first bytes; `bin` where nobody knows."""
    ending = PurePosixPath(path or "").suffix.removeprefix(".").lower()
    if re.fullmatch(r"[a-z0-9]+", ending):
        return ending
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12], "bin")
    if data[4:8] == b"ftyp":
        return "mp4"
    return next((ending for start, ending in _STARTS if data.startswith(start)), "bin")
