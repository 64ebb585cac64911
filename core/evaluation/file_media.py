"""Media of files: decoded once, and encoded once where no graft acts in the encoder; the latest are kept."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.shard_encoding import encode_each
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.evaluation.questions import input_of
from multigraft.core.interfaces.encoder import Encoder
from multigraft.core.interfaces.input import Input
from multigraft.core.types.media import Media

_KEPT = 256
"""Media that are kept."""
_ITEMS_A_PASS = 64


@dataclass(frozen=True)
class MediaReader:
    """How a graft reads files."""

    inputs: Sequence[Input]
    decoder: MediaDecoder
    own_tokens: bool
    """Whether the graft acts in the encoder, so that a medium's tokens are its own."""


class FileMedia:
    """Decoded media by the content of their files."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Media] = OrderedDict()

    def read(self, path: Path, reader: MediaReader) -> tuple[str, Media]:
        """The medium of a file, and the key by which equal files are one.

        Raises:
            MultigraftError: no input reads it, or it cannot be read or decoded.
        """
        read_by = reader.inputs[input_of(path, reader.inputs)].fingerprint()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MultigraftError(f"{path} cannot be read: {error.strerror}") from None
        key = f"{blake2b(data, digest_size=16).hexdigest()} {read_by} {reader.own_tokens}"
        if key not in self._kept:
            self._kept[key] = _decode(path, data, key, reader)
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return key, self._kept[key]

    def encoded(
        self, media: Mapping[str, Media], encoders: Mapping[str, Encoder], computing: AbstractContextManager[object]
    ) -> dict[str, Media]:
        """The media with their encoders' tokens in place of their arrays; none is encoded twice."""
        known = {key: self._kept.get(key, one) for key, one in media.items()}
        with computing:
            for modality, encoder in encoders.items():
                own = {key: one.arrays for key, one in known.items() if one.modality == modality}
                lacking = {key: arrays for key, arrays in own.items() if arrays is not None}
                for key, tokens in zip(lacking, encode_each(encoder, [*lacking.values()], _ITEMS_A_PASS), strict=True):
                    known[key] = replace(known[key], arrays=None, features=_as_stored(tokens))
        self._kept.update((key, one) for key, one in known.items() if key in self._kept)
        return known


def _decode(path: Path, data: bytes, key: str, reader: MediaReader) -> Media:
    try:
        return reader.decoder.decode(path.name.lower(), data, None, key)
    except BadSample as error:
        raise MultigraftError(f"{path} cannot be decoded: {error}") from None


def _as_stored(tokens: Tensor) -> NDArray[np.float32] | NDArray[np.uint16]:
    return tokens.view(torch.uint16).numpy() if tokens.dtype == torch.bfloat16 else tokens.float().numpy()
