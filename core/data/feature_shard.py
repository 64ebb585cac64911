"""Feature shards: tars with a safetensors file for each medium, which says what it is of, and whether it is whole.

A file is named `SAMPLE.MEDIUM-CHECKSUM.safetensors`: the number of the sample in the shard, a hash of the field and the
stretch, and the file's own crc32. Its metadata repeat what it is of, so a file can be taken for no other.
"""

import json
import math
import re
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multigraft.core.atomic import written_whole
from multigraft.core.data.feature_tensors import read_tokens
from multigraft.core.data.open_file import OpenFile
from multigraft.core.data.tar_reader import Member, RefusedShardError, TarWalk
from multigraft.core.errors import BadSample, MultigraftError, legible
from multigraft.core.types.media import Span

if TYPE_CHECKING:
    from multigraft.core.data.encoded_list import FileIdentity

FACTS, TIMES = "multigraft", "times"
"""Key of the metadata, and name of a tensor, float32 `(pictures,)`; those of tokens are of `feature_tensors`."""

Key = tuple[int, str]
"""Number of a sample, and hash of one of its media."""

_NAME = re.compile(r"([0-9]{8,18})\.([0-9a-f]{16})-([0-9a-f]{8})\.safetensors")
_NO_FEATURES = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError)
"""What comes up where a file is not what `facts_of` and safetensors make."""
_DTYPES = {"BF16": np.uint16, "I8": np.int8, "F32": np.float32}


class DamagedFeaturesError(MultigraftError):
    """Stored features that are not what was stored."""


def medium_name(field: str, span: Span | None) -> str:
    """A medium, or a stretch of it, in words that fit no other; case makes no difference."""
    return json.dumps([field.lower(), *([float(span.start), float(span.stop)] if span else [])])


def key_of(sample: int, name: str) -> Key:
    """Where a medium is found; `name` as `medium_name` gives it."""
    return sample, blake2b(name.encode(), digest_size=8).hexdigest()


def facts_of(of: str, sample: int, name: str, bad: BadSample | None) -> dict[str, str]:
    """The metadata of a medium's file; a bad medium has no tensors, and says what is wrong with it."""
    facts = {"of": of, "sample": sample, "medium": name, "bad": [bad.reason, bad.detail] if bad else None}
    return {FACTS: json.dumps(facts)}


def write_feature_shard(path: Path, files: Iterable[tuple[Key, bytes]]) -> None:
    """Write files of media to a shard that is there whole or not at all."""
    with written_whole(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for (sample, medium), data in files:
            entry = tarfile.TarInfo(f"{sample:08d}.{medium}-{zlib.crc32(data):08x}.safetensors")
            entry.size = len(data)
            tar.addfile(entry, BytesIO(data))


class Sound(NamedTuple):
    """What a look at all files of a feature shard has found."""

    whole: list[Key]
    """Those that are whole."""
    wrong: list[str]
    """What is wrong with the others, and with the tar."""
    bad: dict[Key, str]
    """Of those that are whole, the media that could not be decoded, with the reason."""


class FeatureShard:
    """A feature shard that is open for reading; nothing in it is believed unseen.

    Args:
        of: what its features must be of; see `features.source_of`.
    """

    def __init__(self, path: Path, of: str) -> None:
        self.path, self._of = path, of
        self.damage = ""
        """What is wrong with the tar itself."""
        self._places: dict[Key, tuple[Member, int]] = {}
        try:
            self._file = OpenFile(path)
            walk = TarWalk(str(path), self._file)
            for member in walk:
                self._add(member)
            self.damage = self.damage or walk.cut or walk.behind
        except RefusedShardError as error:
            self.damage = str(error)
        except OSError as error:
            raise MultigraftError(f"cannot read the stored features {path}: {error.strerror}") from None

    def _add(self, member: Member) -> None:
        found = _NAME.fullmatch(member.name)
        if found:
            self._places[int(found[1]), found[2]] = member, int(found[3], 16)
        else:
            self.damage = f"{member.name!r} is no file of stored features, or one of another version"

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    @property
    def identity(self) -> "FileIdentity":
        """By what the file that was opened is known."""
        return *self._file.stamp, *self._file.identity

    def sound(self) -> Sound:
        """Read all of it."""
        found = Sound([], [self.damage] if self.damage else [], {})
        for key in self._places:
            try:
                self.arrays(key)
            except BadSample as error:
                found.bad[key] = error.reason
            except DamagedFeaturesError as error:
                found.wrong.append(str(error))
                continue
            found.whole.append(key)
        return found

    def data(self, key: Key) -> bytes:
        """The file of a medium.

        Raises:
            DamagedFeaturesError: it is not what was stored.
        """
        return self._read(key)[0]

    def arrays(self, key: Key) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """Tokens `(pictures, tokens, width)`, as bits of bfloat16, and times `(pictures,)` in seconds.

        Raises:
            BadSample: the medium could not be decoded when its features were made.
            DamagedFeaturesError: it is not what was stored.
        """
        data, header = self._read(key)
        try:
            if bad := _bad(header):
                raise BadSample(*bad)
            arrays = {name: _array(data, tensor) for name, tensor in header.items() if name != "__metadata__"}
            tokens, times = read_tokens(arrays), arrays[TIMES]
            if tokens.ndim != 3 or times.ndim != 1 or times.dtype != np.float32 or len(tokens) != len(times):
                raise ValueError(f"times {times.shape} of tokens {tokens.shape}")
            return tokens, times
        except _NO_FEATURES as error:
            raise DamagedFeaturesError(legible(f"sample {key[0]}: {error!r}")) from None

    def _read(self, key: Key) -> tuple[bytes, Mapping[str, Any]]:
        member, crc = self._places[key]
        try:
            data = self._file.read(member.offset, member.size)
        except OSError as error:
            raise MultigraftError(f"cannot read the stored features {self.path}: {error.strerror}") from None
        if len(data) < member.size:
            raise DamagedFeaturesError(f"{member.name} is cut: it has {len(data)} of {member.size} bytes")
        if zlib.crc32(data) != crc:
            raise DamagedFeaturesError(f"{member.name} has another checksum than when it was stored")
        try:
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            facts = json.loads(header["__metadata__"][FACTS])
            if facts["of"] == self._of and key_of(facts["sample"], facts["medium"]) == key:
                return data, header
        except _NO_FEATURES:
            pass
        raise DamagedFeaturesError(f"{member.name} is of another shard, encoder or version")


def _bad(header: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why a medium has no features: reason and detail.

    Raises:
        DamagedFeaturesError: the file does not say whether it has.
    """
    try:
        bad = json.loads(header["__metadata__"][FACTS])["bad"]
        return (legible(str(bad[0])), legible(str(bad[1]))) if bad else None
    except _NO_FEATURES as error:
        raise DamagedFeaturesError(legible(f"what a file says of itself makes no sense: {error!r}")) from None


def _array(data: bytes, tensor: Mapping[str, Any]) -> NDArray[Any]:
    """A tensor of a safetensors file, over the same memory.

    Raises:
        ValueError: it has no such form, or does not lie where it says.
    """
    (start, stop), shape, kind = tensor["data_offsets"], tensor["shape"], np.dtype(_DTYPES[tensor["dtype"]])
    if not all(type(each) is int for each in (start, stop, *shape)) or start < 0 or not shape or min(shape) < 1:
        raise ValueError(f"a tensor of {shape} from byte {start} on")
    base, count = 8 + int.from_bytes(data[:8], "little"), math.prod(shape)
    if stop - start != count * kind.itemsize or base + stop > len(data):
        raise ValueError(f"a tensor of {shape} in bytes {start} to {stop}")
    return np.frombuffer(data, kind, count, base + start).reshape(shape)
