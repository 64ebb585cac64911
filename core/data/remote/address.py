"""Addresses of shards that are no local files: `https://...`, `s3://...` and others of fsspec, and `pipe:COMMAND`."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from multigraft.core.data.paths import expand_braces, expand_braces_of_command
from multigraft.core.errors import legible
from multigraft.core.suggest import did_you_mean

PIPE = "pipe:"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_LONGEST_NAME = 80
_PACKAGES = {"http": "aiohttp", "https": "aiohttp", "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
"""What fsspec needs for the usual schemes."""


@dataclass(frozen=True)
class Address:
    """Where a shard comes from. As a text it has neither a password nor a query, which may hold a signature; of a
    command it has the first word, and a hash by which it differs from others."""

    text: str
    """As in the recipe, one of its brace list."""

    @property
    def is_pipe(self) -> bool:
        """Whether it is a command."""
        return self.text.startswith(PIPE)

    @property
    def name(self) -> str:
        """A safe name for a local copy, ending in `.tar`."""
        if self.is_pipe:
            return "pipe.tar"
        last = _NO_NAME.sub("_", self.last).removesuffix(".tar")
        return f"{last[:_LONGEST_NAME].lstrip('.') or 'shard'}.tar"

    @property
    def last(self) -> str:
        """Its own name in its folder."""
        last = self._path.rpartition("/")[2]
        return unquote(last) if self.is_web else last

    @property
    def is_web(self) -> bool:
        """Whether a web server has it."""
        return self.text.lower().startswith(("http://", "https://"))

    @property
    def index(self) -> "Address":
        """Where its index lies, if somebody has put it there."""
        return Address(f"{self._path}.index{self._query}")

    def beside(self, name: str) -> "Address":
        """Another file of its folder."""
        return Address(f"{self._path.rpartition('/')[0]}/{name}{self._query}")

    def __str__(self) -> str:
        if self.is_pipe:
            first, *more = self.text.removeprefix(PIPE).split() or [""]
            name, assigned, _ = first.partition("=")
            mark = blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
            return legible(f"{PIPE}{name}{assigned}{' ...' if more or assigned else ''} ({mark})")
        without = re.sub(r"//[^/]*@", "//", self._path)
        return legible(without + ("?..." if self._query else ""))

    @property
    def _path(self) -> str:
        return self.text[: len(self.text) - len(self._query)]

    @property
    def _query(self) -> str:
        """What follows the path of a web address; other stores have names with `?` in them."""
        if not self.is_web:
            return ""
        found = _QUERY.search(self.text)
        return found[0] if found else ""


def is_remote(pattern: str) -> bool:
    """Whether a pattern of a recipe names no local files."""
    return pattern.startswith(PIPE) or _SCHEME.match(pattern) is not None


def addresses_of(pattern: str) -> list[Address]:
    """The addresses that a pattern with brace lists names.

    Raises:
        ValueError: braces that are open, empty or run backwards; of a command, those that run backwards.
    """
    if pattern.startswith(PIPE):
        return [Address(text) for text in expand_braces_of_command(pattern, str(Address(pattern)))]
    return [Address(text) for text in expand_braces(pattern)]


def fault_of(pattern: str, allow_pipes: bool) -> str:
    """Why a pattern cannot be read here, in words; empty where it may. Nothing is asked over a network."""
    try:
        addresses = addresses_of(pattern)
    except ValueError as error:
        return str(error)
    told = str(Address(pattern))
    if pattern.startswith(PIPE):
        return "" if allow_pipes else f"{told} runs a command; `data.allow_pipes: true` allows that"
    try:
        _ = [urlsplit(each.text).port for each in addresses if each.is_web]
    except ValueError:
        return f"{told} is no address: its host or port cannot be read"
    match = _SCHEME.match(pattern)
    scheme = match[1].lower() if match else ""
    if find_spec("fsspec") is None:
        return f"{scheme}:// needs fsspec: pip install 'multigraft[remote]'"
    from fsspec.registry import available_protocols

    if scheme not in available_protocols():
        return f"fsspec knows no {scheme}://; {did_you_mean(scheme, available_protocols())}"
    package = _PACKAGES.get(scheme, "")
    if package and find_spec(package) is None:
        how = "'multigraft[remote]'" if package == "aiohttp" else package
        return f"{scheme}:// needs {package}: pip install {how}"
    if "*" in pattern:
        return f"{told}: `*` is for local files; write a list such as {{000..007}}"
    return ""
