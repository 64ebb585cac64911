"""Stored features: the frozen encoder's tokens of each medium, in shards of their own with the same keys.

A feature shard holds `KEY.features.safetensors` with, for each medium, bfloat16 tokens `(pictures, tokens, width)`
under its field's name and float32 `FIELD#times`; media that could not be decoded are named in `KEY.bad.json`.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from multigraft.core.data.files import written_whole
from multigraft.core.data.media import BadSample, Media
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.input import Input, Span

FEATURES, BAD, TIMES = "features.safetensors", "bad.json", "#times"
_FINGERPRINT = "fingerprint.json"
_DTYPES = {"BF16": np.uint16, "F32": np.float32}


def feature_fingerprint(encoder: VisualEncoder, inputs: Sequence[Input]) -> str:
    """All that decides stored features: the encoder, its transform and the inputs."""
    return " | ".join([encoder.fingerprint(), *sorted(each.fingerprint() for each in inputs)])


def feature_folder(folder: Path, fingerprint: str) -> Path:
    """Where features with a fingerprint lie, under the folder of all features."""
    return folder / blake2b(fingerprint.encode(), digest_size=8).hexdigest()


def feature_shard(folder: Path, shard: Shard) -> Path:
    """The feature shard of a shard; its name holds a hash of the shard's content, so features are never stale."""
    return folder / f"{shard.path.stem}-{shard.index.content}.tar"


def feature_name(field: str, span: Span | None) -> str:
    """Name of the tensor of a medium, or of a stretch of it."""
    return f"{field}@{span.start!r},{span.stop!r}" if span else field


def medium_of(name: str) -> tuple[str, Span | None]:
    """The field and stretch that `feature_name` named."""
    field, _, span = name.partition("@")
    return field, Span(*map(float, span.split(","))) if span else None


def claim_folder(folder: Path, fingerprint: str) -> None:
    """Make the folder of a fingerprint, or check that it is that.

    Raises:
        MultigraftError: its features were made with another fingerprint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _FINGERPRINT
    if path.exists():
        check_fingerprint(folder, fingerprint)
        return
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps({"fingerprint": fingerprint}) + "\n", encoding="utf-8")


def check_fingerprint(folder: Path, fingerprint: str) -> None:
    """Hold a folder of features against a fingerprint.

    Raises:
        MultigraftError: there are none, or they were made with another one.
    """
    path = folder / _FINGERPRINT
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        raise MultigraftError(f"{folder} holds no stored features; encode them first") from None
    if found != fingerprint:
        raise MultigraftError(
            f"the stored features in {folder} were made by another encoder or other inputs\n"
            f"  stored: {found}\n  recipe: {fingerprint}\nEncode them again, or take the recipe that made them."
        )


class FeatureStore:
    """Reads stored features in place instead of decoding.

    Args:
        folder: as `feature_folder` gives it.
        fingerprint: as `feature_fingerprint` gives it.
        inputs: the recipe's, which say whether an extension is `image` or `video`.

    Raises:
        MultigraftError: the folder's features were made by another encoder or other inputs.
    """

    def __init__(self, folder: Path, fingerprint: str, inputs: Sequence[Input]) -> None:
        check_fingerprint(folder, fingerprint)
        self._folder = folder
        self._kinds = {extension: each.kind for each in reversed(inputs) for extension in each.extensions}

    def read(self, shard: Shard, sample: int, field: str, span: Span | None) -> Media:
        """The stored features of a medium, `(pictures, tokens, width)`, bfloat16 bits as uint16.

        Raises:
            BadSample: the medium could not be decoded when the features were made.
            MultigraftError: the features were never made.
        """
        stored, number = self._stored(shard, sample)
        name = feature_name(field, span)
        if name in (bad := bad_media(stored, number)):
            raise BadSample(*bad[name])
        if number >= 0 and stored.index.member(number, FEATURES) is not None:
            view = stored.view(number, FEATURES)
            tensors = header_of(view)
            if name in tensors:
                features, times = (array_of(view, tensors[each]) for each in (name, name + TIMES))
                return Media(self._kinds[field.rpartition(".")[2]], None, times, features)
        raise MultigraftError(f"{stored.path} has no features of {shard.index.keys[sample]}.{name}; encode them again")

    def _stored(self, shard: Shard, sample: int) -> tuple[Shard, int]:
        path = feature_shard(self._folder, shard)
        if not path.is_file():
            raise MultigraftError(f"no stored features of {shard.path} ({path} is missing); encode them first")
        stored = open_shard(path)
        return stored, stored.index.numbers.get(shard.index.keys[sample], -1)


def media_names(stored: Shard, sample: int) -> set[str]:
    """All media of a sample (-1: none) that were encoded, or found bad then."""
    names = set(bad_media(stored, sample))
    if sample >= 0 and stored.index.member(sample, FEATURES) is not None:
        names |= {name for name in header_of(stored.view(sample, FEATURES)) if not name.endswith(TIMES)}
    return names


def bad_media(stored: Shard, sample: int) -> dict[str, list[str]]:
    """Reason and detail of the media of a sample (-1: none) that could not be decoded when features were made."""
    if sample < 0 or stored.index.member(sample, BAD) is None:
        return {}
    bad: dict[str, list[str]] = json.loads(stored.read(sample, BAD))
    return bad


def header_of(view: memoryview) -> dict[str, Any]:
    """Places of the tensors of a safetensors file in memory, their offsets counted from its start."""
    size = int.from_bytes(view[:8], "little")
    header: dict[str, Any] = json.loads(view[8 : 8 + size].tobytes())
    return {name: {**tensor, "start": 8 + size} for name, tensor in header.items() if name != "__metadata__"}


def array_of(view: memoryview, tensor: dict[str, Any]) -> Any:
    """A tensor as an array over the same memory."""
    start, shape = tensor["start"] + tensor["data_offsets"][0], tensor["shape"]
    return np.frombuffer(view, _DTYPES[tensor["dtype"]], int(np.prod(shape)), start).reshape(shape)
