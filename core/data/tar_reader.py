"""Walks the headers of a tar without unpacking anything."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from multigraft.core.errors import MultigraftError

_BLOCK = 512
_END = bytes(_BLOCK)
_REGULAR = (b"0", b"\0", b"7")
_DIRECTORY, _LONG_NAME, _PAX, _PAX_GLOBAL = b"5", b"L", b"x", b"g"
_LONGEST_NAME = 1 << 16


class RefusedShardError(MultigraftError):
    """A tar that no honest writer makes, or whose samples cannot be told apart."""


@dataclass(frozen=True)
class Member:
    """A regular file in a tar: its bytes are `offset` to `offset + size` of the tar."""

    name: str
    offset: int
    size: int

    @property
    def key(self) -> str:
        """The name up to the first dot after the last slash: what the files of a sample have in common."""
        folder, slash, file = self.name.rpartition("/")
        return folder + slash + file.partition(".")[0]

    @property
    def field(self) -> str:
        """The rest of the name, lower case, without the dot."""
        return self.name[len(self.key) + 1 :].lower()


@dataclass
class TarWalk:
    """The members of a tar in their order; after the walk, `cut` says where it ends too early, or is empty."""

    name: str
    data: memoryview
    cut: str = ""
    cut_name: str = ""
    """Name of the member that is cut in two, where its header is whole."""
    _long_name: str = field(default="", repr=False)
    _long_size: int | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Member]:
        """Yield the members before the end or the cut.

        Raises:
            RefusedShardError: a damaged header, a link, a device, or a name that leaves the folder.
        """
        position = 0
        while True:
            header = bytes(self.data[position : position + _BLOCK])
            if header == _END:
                return
            if len(header) < _BLOCK:
                self.cut = f"no end-of-archive block at byte {position}"
                return
            size = self._size(header, position)
            start = position + _BLOCK
            if start + size > len(self.data):
                self.cut_name = self._long_name or _plain_name(header)
                self.cut = f"{self.cut_name} should have {size} bytes and has {len(self.data) - start}"
                return
            yield from self._member(header, start, size)
            position = start + -(-size // _BLOCK) * _BLOCK

    def _size(self, header: bytes, position: int) -> int:
        stated = _octal(header[148:156])
        if stated != sum(header[:148]) + sum(header[156:]) + 8 * 32:
            raise RefusedShardError(
                f"{self.name}: no tar header at byte {position}; it is not a plain tar or is damaged"
            )
        size = self._long_size if self._long_size is not None else _number(header[124:136])
        if header[156:157] in _REGULAR:
            self._long_size = None
        return size

    def _member(self, header: bytes, start: int, size: int) -> Iterator[Member]:
        kind = header[156:157]
        if kind in (_LONG_NAME, _PAX, _PAX_GLOBAL):
            if size > _LONGEST_NAME:
                raise RefusedShardError(f"{self.name}: an extended header of {size} bytes at byte {start}")
            self._extend(kind, bytes(self.data[start : start + size]))
            return
        name, self._long_name = self._long_name or _plain_name(header), ""
        if kind == _DIRECTORY:
            return
        if kind not in _REGULAR:
            raise RefusedShardError(f"{self.name}: {name!r} is a link or a device; shards hold plain files only")
        yield Member(self._checked(name), start, size)

    def _extend(self, kind: bytes, data: bytes) -> None:
        if kind == _LONG_NAME:
            self._long_name = _text(data)
        elif kind == _PAX:
            records = _pax(data)
            self._long_name = records.get("path", self._long_name)
            if records.get("size", "").isdigit():
                self._long_size = int(records["size"])

    def _checked(self, name: str) -> str:
        name = name.removeprefix("./")
        if name.startswith("/") or ".." in name.split("/") or not name or not name.isprintable():
            raise RefusedShardError(f"{self.name}: the member name {name!r} is empty, unprintable or leaves the folder")
        return name


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _plain_name(header: bytes) -> str:
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    name = _text(header[:100])
    return f"{prefix}/{name}" if prefix else name


def _octal(data: bytes) -> int:
    try:
        return int(_text(data).strip() or "0", 8)
    except ValueError:
        return -1


def _number(data: bytes) -> int:
    if data[0] & 0x80:
        return int.from_bytes(bytes([data[0] & 0x7F]) + data[1:], "big")
    return max(_octal(data), 0)


def _pax(data: bytes) -> dict[str, str]:
    records: dict[str, str] = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(data):
            return records
        name, _, value = data[len(length) + 1 : int(length) - 1].decode("utf-8", "backslashreplace").partition("=")
        records[name] = value
        data = data[int(length) :]
    return records
