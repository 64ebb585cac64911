"""Stored features: the frozen encoder's tokens of each medium, in shards of their own; see `feature_shard`."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from multigraft.core.atomic import written_whole
from multigraft.core.data.encoded_list import distrust
from multigraft.core.data.feature_shard import DamagedFeaturesError, FeatureShard, key_of, medium_name
from multigraft.core.data.feature_tensors import Store
from multigraft.core.data.indexing import stamp_of
from multigraft.core.data.modalities import input_for
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.encoder import Encoder
from multigraft.core.interfaces.input import Input
from multigraft.core.types.media import Media, Span

if TYPE_CHECKING:
    from multigraft.core.data.shard import Shard

_FINGERPRINT = "fingerprint.json"
_OPEN_SHARDS = 256


def feature_fingerprint(encoder: Encoder, inputs: Sequence[Input], store: Store = "bf16") -> str:
    """All that decides stored features: the encoder, its preparation, the inputs of its modality, and how tokens are
    stored; bfloat16 goes without saying."""
    form = [] if store == "bf16" else [f"stored as {store}"]
    return " | ".join([encoder.fingerprint(), *sorted(each.fingerprint() for each in inputs), *form])


def feature_folder(folder: Path, fingerprint: str) -> Path:
    """Where features with a fingerprint lie, under the folder of all features."""
    return folder / blake2b(fingerprint.encode(), digest_size=8).hexdigest()


def feature_shard(folder: Path, shard: "Shard") -> Path:
    """The feature shard of a shard; its name holds a hash of the shard's content, so features are never stale."""
    return folder / f"{shard.path.stem}-{shard.index.content}.tar"


def source_of(folder: Path, shard: "Shard") -> str:
    """What a shard's features are of: the encoder and the inputs, by the folder's name, and the shard's content."""
    return f"{folder.name}/{shard.index.content}"


def is_claimed(folder: Path, fingerprint: str) -> bool:
    """Whether a folder of features says that it is that of a fingerprint."""
    return _stored_fingerprint(folder) == fingerprint


def claim_folder(folder: Path, fingerprint: str, tell: Callable[[str], None]) -> None:
    """Write which fingerprint a folder's name is the hash of; what its features are of, these say themselves."""
    path = folder / _FINGERPRINT
    if is_claimed(folder, fingerprint):
        return
    if path.exists():
        tell(f"{path} is damaged, and made again")
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps({"fingerprint": fingerprint}) + "\n", encoding="utf-8")


def check_fingerprint(folder: Path, fingerprint: str) -> None:
    """Hold a folder of features against a fingerprint.

    Raises:
        MultigraftError: there are none, or they were made with another one.
    """
    found = _stored_fingerprint(folder)
    if found is None:
        raise MultigraftError(f"{folder} holds no stored features; encode them first")
    if found != fingerprint:
        raise MultigraftError(
            f"the stored features in {folder} were made by another encoder or other inputs\n"
            f"  stored: {found}\n  recipe: {fingerprint}\nEncode them again, or take the recipe that made them."
        )


def _stored_fingerprint(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _FINGERPRINT).read_text(encoding="utf-8"))["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


class FeatureStore:
    """Reads stored features in place instead of decoding.

    Args:
        folder: as `feature_folder` gives it.
        fingerprint: as `feature_fingerprint` gives it.
        inputs: those of the encoder's modality, which say whether an extension is `image` or `video`.

    Raises:
        MultigraftError: the folder's features were made by another encoder or other inputs.
    """

    def __init__(self, folder: Path, fingerprint: str, inputs: Sequence[Input]) -> None:
        check_fingerprint(folder, fingerprint)
        self._folder = folder
        self._inputs = inputs

    def read(self, shard: "Shard", sample: int, field: str, span: Span | None) -> Media:
        """The stored features of a medium, `(items, tokens, width)`, bfloat16 bits as uint16.

        Raises:
            BadSample: the medium could not be decoded when the features were made.
            MultigraftError: the features were never made, or are damaged.
        """
        reader = self._inputs[input_for(field, self._inputs)]
        path = feature_shard(self._folder, shard)
        if not path.is_file():
            raise MultigraftError(f"no stored features of {shard.path} ({path} is missing); encode them first")
        stored = _open(path, stamp_of(path), source_of(self._folder, shard))
        key = key_of(sample, medium_name(field, span))
        try:
            if key not in stored and stored.damage:
                raise DamagedFeaturesError(stored.damage)
            if key not in stored:
                distrust(path)
                raise MultigraftError(f"{path} has no features of {shard.index.key(sample)}.{field}; encode them again")
            features, times = stored.arrays(key)
        except DamagedFeaturesError as error:
            distrust(path)
            raise DamagedFeaturesError(
                f"the stored features {path} are damaged: {error}; start again, and what is damaged is encoded again"
            ) from None
        return Media(reader.kind, reader.modality, None, times, features)


@lru_cache(maxsize=_OPEN_SHARDS)
def _open(path: Path, stamp: tuple[int, int], of: str) -> FeatureShard:
    return FeatureShard(path, of)
