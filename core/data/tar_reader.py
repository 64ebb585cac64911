"""Walks the headers of a tar without unpacking anything."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from multigraft.core.data.file_kind import describe
from multigraft.core.data.open_file import OpenFile
from multigraft.core.data.tar_headers import BLOCK, decimal, is_header, number, pax, plain_name, text
from multigraft.core.errors import MultigraftError, legible

_REGULAR = (b"0", b"\0", b"7")
_DIRECTORY, _LONG_NAME, _PAX, _PAX_GLOBAL, _SPARSE, _LABEL = b"5", b"L", b"x", b"g", b"S", b"V"
_LINKS_AND_DEVICES = (b"1", b"2", b"3", b"4", b"6")
_SPARSE_RECORD = "GNU.sparse."
_LONGEST_HEADER = 1 << 16


class RefusedShardError(MultigraftError):
    """A file that is no tar, a tar that no honest writer makes, or one whose samples cannot be told apart."""


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
    """The members of a tar in their order, over every end-of-archive block up to the file's last byte.

    After the walk, `cut` says where the tar ends too early, and `behind` what lies behind its end and is no tar; both
    are empty where all is well.
    """

    name: str
    data: OpenFile
    cut: str = ""
    cut_name: str = ""
    """Name of the member that is cut in two, where its header is whole."""
    behind: str = ""
    _extended: dict[str, str] = field(default_factory=dict, repr=False)
    """What extended headers say of the next member."""

    def __iter__(self) -> Iterator[Member]:
        """Yield the members before the end or the cut.

        Raises:
            RefusedShardError: no tar, a damaged header, a link, a device, or a name that leaves the folder.
        """
        position: int | None = 0
        while position is not None:
            header = self.data.read(position, BLOCK)
            if header == bytes(BLOCK):
                position = self._behind_the_end(position)
                continue
            if len(header) < BLOCK:
                self._short(header, position)
                return
            size = self._size(header, position)
            start = position + BLOCK
            if start + size > self.data.size:
                self.cut_name = self._extended.get("path") or plain_name(header)
                self.cut = f"{legible(self.cut_name)} should have {size} bytes and has {self.data.size - start}"
                return
            yield from self._member(header, start, size)
            position = start + -(-size // BLOCK) * BLOCK

    def _behind_the_end(self, position: int) -> int | None:
        """Where another tar goes on behind the end of one, if anything does."""
        found = self.data.next_byte(position)
        if found is None:
            return None
        start = found // BLOCK * BLOCK
        head = self.data.read(start, BLOCK)
        if is_header(head):
            return start
        what = describe(head.lstrip(b"\0"))[0] or "no tar"
        self.behind = f"{self.data.size - found} bytes from byte {found} on are {what}, and are not read"
        return None

    def _short(self, header: bytes, position: int) -> None:
        if position == 0 and describe(header)[0]:
            raise self._no_header(header, position)
        if self.data.size == 0:
            self.cut = "the file is empty"
        elif position == 0:
            self.cut = f"the file has {self.data.size} bytes, too few for a tar's first header: fetch it again"
        else:
            self.cut = f"no end-of-archive block at byte {position}"

    def _no_header(self, block: bytes, position: int) -> RefusedShardError:
        kind, advice = describe(block) if position == 0 else ("", "")
        what = (
            f"the file is {kind}; {advice}" if kind else "it is not a plain tar or is damaged; pack or fetch it again"
        )
        return RefusedShardError(f"{self.name}: no tar header at byte {position}; {what}")

    def _size(self, header: bytes, position: int) -> int:
        if not is_header(header):
            raise self._no_header(header, position)
        try:
            stated = number(header[124:136])
            return decimal(self._extended["size"]) if "size" in self._extended else stated
        except ValueError as error:
            raise RefusedShardError(f"{self.name}: the header at byte {position} has {error}; pack it again") from None

    def _member(self, header: bytes, start: int, size: int) -> Iterator[Member]:
        kind = header[156:157]
        if kind in (_LONG_NAME, _PAX, _PAX_GLOBAL):
            self._extend(kind, start, size)
            return
        name = self._extended.get("path") or plain_name(header)
        sparse = kind == _SPARSE or any(key.startswith(_SPARSE_RECORD) for key in self._extended)
        self._extended = {}
        if size == 0 and (kind in (_DIRECTORY, _LABEL) or (kind in _REGULAR and name.endswith("/"))):
            return
        shown = legible(repr(name))
        if sparse:
            raise RefusedShardError(f"{self.name}: {shown} is a sparse file; pack again without `--sparse`")
        if kind not in _REGULAR:
            known = kind in _LINKS_AND_DEVICES
            what = "a link or a device" if known else f"an entry of type {kind.decode('latin-1')!r}"
            raise RefusedShardError(f"{self.name}: {shown} is {what}; shards hold plain files only")
        yield Member(self._checked(name), start, size)

    def _extend(self, kind: bytes, start: int, size: int) -> None:
        if size > _LONGEST_HEADER:
            raise RefusedShardError(f"{self.name}: an extended header of {size} bytes at byte {start}; pack it again")
        data = self.data.read(start, size)
        if kind == _LONG_NAME:
            self._extended["path"] = text(data)
            return
        try:
            records = {key: value for key, value in pax(data).items() if _decides(key)}
        except ValueError as error:
            raise RefusedShardError(f"{self.name}: {error}, at byte {start}; pack it again") from None
        if kind == _PAX_GLOBAL and records:
            listed = legible(", ".join(records))
            raise RefusedShardError(f"{self.name}: a header for all members sets {listed}; pack it again")
        self._extended |= records

    def _checked(self, name: str) -> str:
        name = name.removeprefix("./")
        if name.startswith("/") or ".." in name.split("/") or not name or not name.isprintable():
            raise RefusedShardError(
                f"{self.name}: the member name {legible(name)!r} is empty, unprintable or leaves the folder"
            )
        return name


def _decides(key: str) -> bool:
    """Whether a record of an extended header changes what a member is."""
    return key in ("path", "size") or key.startswith(_SPARSE_RECORD)
