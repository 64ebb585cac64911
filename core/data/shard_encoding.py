"""Runs a frozen encoder over the media of one shard: one shard in, one feature shard out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.data.encoded_list import Entry, identity_of
from multigraft.core.data.feature_making import FeatureMaking
from multigraft.core.data.feature_shard import TIMES, Key, facts_of
from multigraft.core.data.feature_tensors import Store, stored_tokens
from multigraft.core.data.features import feature_shard, source_of
from multigraft.core.data.padding import padded
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.locking import claimed_file
from multigraft.core.types.media import Media

if TYPE_CHECKING:
    from multigraft.core.data.wanted_media import ShardWork, Wanted
    from multigraft.core.interfaces.encoder import Encoder
    from multigraft.core.interfaces.input import Input

_ITEMS_A_PASS = 16
_MEDIA_A_PIECE, _BYTES_A_PIECE = 64, 64 << 20
"""A piece is stored when it has so much: a process that is killed loses no more."""


@dataclass(frozen=True)
class Made:
    """What came of a shard."""

    entry: Entry
    """What its feature shard holds; of no selection yet."""
    made: int
    """Media that were encoded now."""


@dataclass(frozen=True)
class _Encoded:
    wanted: "Wanted"
    tokens: Tensor | None
    """`(items, tokens, width)`, on the processor; None where the medium is bad."""
    times: Tensor
    bad: BadSample | None = None


class ShardEncoder:
    """Makes feature shards.

    Args:
        home: folder of the features of this encoder and these inputs.
        inputs: those of the encoder's modality.
        tell: takes a message about damage.
        store: how tokens are stored.
    """

    def __init__(
        self,
        home: Path,
        encoder: "Encoder",
        inputs: Sequence["Input"],
        workers: DecodeWorkers,
        tell: Callable[[str], None],
        store: Store = "bf16",
    ) -> None:
        self._home, self._encoder, self._threads, self._tell = home, encoder, workers.threads, tell
        self._store = store
        self._decoder = MediaDecoder(inputs, {each.modality: encoder.preparation() for each in inputs}, workers)

    def encode(
        self, work: "ShardWork", advance: Callable[[int], None] = lambda more: None, shard: Shard | None = None
    ) -> Made:
        """Make the features of a shard whole; what is there already, whole, is kept. One process at a time does it.

        Args:
            advance: called with how many media more are done.
            shard: the work's, where it is open; opened if left out.

        Raises:
            MultigraftError: it is another shard by now.
        """
        shard = shard or open_shard(work.shard)
        if shard.index.content != work.content:
            raise MultigraftError(f"the shard {shard.name} is another one than when this began; start again")
        path = feature_shard(self._home, shard)
        with claimed_file(path):
            making = FeatureMaking(path, source_of(self._home, shard), self._tell)
            missing = [each for each in work.wanted if each.key not in making]
            more, bad = 1 + len(work.wanted) - len(missing), dict(making.bad)
            for each in self._added(making, shard, missing):
                advance(more)
                more = 1
                if each.bad:
                    bad[each.wanted.key] = each.bad.reason
            return Made(Entry(identity_of(path), making.media, Counter(bad.values()), ()), len(missing))

    def close(self) -> None:
        """End the decoding processes."""
        self._decoder.close()

    def _added(self, making: FeatureMaking, shard: Shard, missing: Sequence["Wanted"]) -> Iterator[_Encoded]:
        """Add what is missing, piece by piece; yields each medium when it is encoded."""

        def decode(each: "Wanted") -> tuple["Wanted", Media | BadSample]:
            try:
                return each, self._decoder.read(shard, each.sample, each.field, each.span)
            except BadSample as error:
                return each, error

        of, piece = source_of(self._home, shard), dict[Key, bytes]()
        dtype = torch.bfloat16 if self._store == "bf16" else None  # half as much to bring over from a GPU
        for encoded in _encode(in_order(decode, missing, self._threads, _ITEMS_A_PASS), self._encoder, dtype):
            piece |= {each.wanted.key: _file(of, each, self._store) for each in encoded}
            yield from encoded
            if len(piece) >= _MEDIA_A_PIECE or sum(map(len, piece.values())) >= _BYTES_A_PIECE:
                making.add_piece(piece.items())
                piece = {}
        making.finish(piece.items())


def _encode(
    media: Iterable[tuple["Wanted", Media | BadSample]], encoder: "Encoder", dtype: torch.dtype | None
) -> Iterator[list[_Encoded]]:
    """Encode in passes of about 16 items, across samples."""
    waiting: list[tuple[Wanted, Media | BadSample]] = []
    items = 0
    for each in media:
        waiting.append(each)
        items += len(each[1].times) if isinstance(each[1], Media) else 0
        if items >= _ITEMS_A_PASS:
            yield list(_one_pass(waiting, encoder, dtype))
            waiting, items = [], 0
    yield list(_one_pass(waiting, encoder, dtype))


def _one_pass(
    waiting: Sequence[tuple["Wanted", Media | BadSample]], encoder: "Encoder", dtype: torch.dtype | None
) -> Iterator[_Encoded]:
    arrays = [media.arrays for _, media in waiting if isinstance(media, Media) and media.arrays is not None]
    tokens = encode_each(encoder, arrays, _ITEMS_A_PASS, dtype)
    for wanted, media in waiting:
        if isinstance(media, BadSample):
            yield _Encoded(wanted, None, torch.zeros(0), media)
        else:
            yield _Encoded(wanted, next(tokens), torch.from_numpy(media.times))


def encode_each(
    encoder: "Encoder", arrays: Sequence[NDArray[Any]], at_once: int, dtype: torch.dtype | None = None
) -> Iterator[Tensor]:
    """The tokens of each medium, `(items, tokens, width)` on the processor, without padding and without a graft.

    Args:
        arrays: `(items, length, ...)` of each medium, all for this encoder.
        at_once: items of a pass.
        dtype: of the tokens; as the encoder gives them if left out.
    """
    if not arrays:
        return
    device, (items, mask) = next(encoder.parameters()).device, padded(arrays)
    masks = repeat(None) if mask is None else torch.split(mask.to(device), at_once)
    with torch.no_grad():
        passes = [
            encoder.encode(some.to(device), real, NoGraft())
            for some, real in zip(torch.split(items, at_once), masks, strict=False)
        ]
    states = (item for each in passes for item in each.states.to("cpu", dtype))
    real = (item for each in passes for item in each.real.cpu())
    for count in map(len, arrays):
        yield torch.stack([own[kept] for own, kept in zip(islice(states, count), islice(real, count), strict=True)])


def _file(of: str, each: _Encoded, store: Store) -> bytes:
    """The file of a medium."""
    tensors = {} if each.tokens is None else stored_tokens(each.tokens, store) | {TIMES: each.times}
    data: bytes = save(tensors, facts_of(of, each.wanted.sample, each.wanted.name, each.bad))
    return data
