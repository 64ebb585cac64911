"""Asks for files at addresses, and fetches them, by fsspec."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multigraft.core.data.remote.address import Address
from multigraft.core.data.remote.lasting import lacks_credentials, status_of, stays
from multigraft.core.data.remote.retrying import GoneError, told, tried
from multigraft.core.errors import MultigraftError

_PIECE = 1 << 20
_QUIET_SECONDS = 60
"""Of a connection over which nothing comes, until it counts as lost."""
_MARKS = (
    "ETag", "etag", "generation", "version_id", "Last-Modified", "LastModified", "last_modified", "updated", "mtime",
    "created",
)  # fmt: skip
"""What stores say of a file that changes with it, the best first."""


@dataclass(frozen=True)
class Facts:
    """What a store says of a file."""

    size: int
    mark: str
    """Its ETag, or what else changes with it; empty where the store says nothing of the kind."""


def facts_of(address: Address) -> Facts:
    """Size and mark of the file at an address.

    Raises:
        GoneError: there is none, or the store does not say how long it is.
        MultigraftError: the store cannot be asked.
    """
    return tried(f"asking for {address}", lambda: _facts(address))


def small_file(address: Address, largest: int) -> bytes | None:
    """The bytes of a small file; None where there is none, or a larger one.

    Raises:
        MultigraftError: it cannot be fetched.
    """

    def fetch() -> bytes | None:
        facts = _facts(address)
        if facts.size > largest:
            return None
        data = b"".join(_pieces(address, facts.size))
        _check_length(len(data), facts.size)
        return data

    try:
        return tried(f"fetching {address}", fetch)
    except GoneError:
        return None


def download(address: Address, expected: Facts, target: Path) -> None:
    """Write the file at an address to a new local file.

    Raises:
        GoneError: it is no longer the file that it was.
        OSError: it came shorter or longer than it should be, or not at all.
    """
    length = 0
    with target.open("wb") as file:
        for piece in _pieces(address, expected.size):
            length += len(piece)
            if length > expected.size:
                break
            file.write(piece)
    now = _facts(address)
    if now != expected:
        raise GoneError(f"{address} is another file than when it was opened; start again")
    _check_length(length, expected.size)


def _check_length(length: int, expected: int) -> None:
    if length != expected:
        many = "more than " if length > expected else f"{length:,} of "
        raise OSError(f"the connection was lost or the file is wrong: {many}{expected:,} bytes came")


def _facts(address: Address) -> Facts:
    with _store(address) as (store, path):
        if hasattr(store, "invalidate_cache"):
            store.invalidate_cache()
        info = store.info(path)
    if info.get("type") == "directory":
        raise GoneError(f"{address} is a folder, not a file")
    if info.get("size") is None:
        raise GoneError(f"{address}: the server does not say how long it is, so nobody could tell a lost connection")
    return Facts(int(info["size"]), next((f"{name} {info[name]}" for name in _MARKS if info.get(name)), ""))


def _pieces(address: Address, size: int) -> Iterator[bytes]:
    with _store(address) as (store, path):
        options = {"block_size": 0, "size": size or 1} if address.is_web else {}  # as one stream
        with store.open(path, "rb", **options) as file:
            while piece := file.read(_PIECE):
                yield piece


@contextmanager
def _store(address: Address) -> Iterator[tuple[Any, str]]:
    """The file system of an address, and the path in it; what waiting cannot mend is a MultigraftError."""
    import fsspec

    try:
        yield fsspec.core.url_to_fs(address.text, **(_web_options() if address.is_web else {}))
    except MultigraftError:
        raise
    except Exception as error:
        if lacks_credentials(error):
            raise MultigraftError(
                f"{address} is asked for without credentials: {told(error)}; set them for this process as its store "
                "takes them, in environment variables or files (docs/remote_shards.md)"
            ) from None
        if not stays(error):
            raise
        status = status_of(error)
        why = f": HTTP {status}" if status else "" if isinstance(error, FileNotFoundError) else f": {told(error)}"
        raise GoneError(f"{address} is not there, or not for us{why}") from None


def _web_options() -> dict[str, Any]:
    import aiohttp

    quiet = aiohttp.ClientTimeout(total=None, sock_connect=_QUIET_SECONDS, sock_read=_QUIET_SECONDS)
    return {"headers": {"Accept-Encoding": "identity"}, "client_kwargs": {"timeout": quiet}}
