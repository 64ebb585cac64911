"""Makes stored features: the frozen encoder runs once over all media that some tasks use."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.data.feature_making import FeatureMaking
from multigraft.core.data.feature_shard import TIMES, TOKENS, FeatureShard, Key, facts_of, key_of, medium_name
from multigraft.core.data.features import (
    claim_folder,
    feature_fingerprint,
    feature_folder,
    feature_shard,
    is_claimed,
    source_of,
)
from multigraft.core.data.padding import padded
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.reader import span_of
from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.locking import next_writer
from multigraft.core.types.media import Media, Span, ending_of

if TYPE_CHECKING:
    from multigraft.core.data.source import TaskSource
    from multigraft.core.interfaces.encoder import Encoder
    from multigraft.core.interfaces.input import Input

_ITEMS_A_PASS = 16
_MEDIA_A_PIECE, _BYTES_A_PIECE = 64, 64 << 20
"""A piece is stored when it has so much: a process that is killed loses no more."""


@dataclass(frozen=True)
class Wanted:
    """A medium to encode."""

    sample: int
    field: str
    span: Span | None

    @property
    def name(self) -> str:
        """As in the feature shard."""
        return medium_name(self.field, self.span)

    @property
    def key(self) -> Key:
        """Where it is in the feature shard."""
        return key_of(self.sample, self.name)


@dataclass(frozen=True)
class _Encoded:
    wanted: Wanted
    tokens: Tensor | None
    """bfloat16 `(items, tokens, width)`, on the processor; None where the medium is bad."""
    times: Tensor
    bad: BadSample | None = None


def encode_features(
    sources: Sequence["TaskSource"],
    encoder: "Encoder",
    inputs: Sequence["Input"],
    workers: DecodeWorkers,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    thorough: bool = True,
) -> Path:
    """Encode every medium that the sources' annotations name and the inputs read, shard by shard; what is there
    already, whole, is kept.

    Args:
        inputs: those of the encoder's modality.
        folder: folder of all features; these come to lie in a folder of it that is named by their fingerprint.
        progress: called with the media done and all media.
        thorough: read what is there, and make what is damaged again; else only look whether it is there.

    Returns:
        The folder for `FeatureStore`.
    """
    fingerprint = feature_fingerprint(encoder, inputs)
    home = feature_folder(folder, fingerprint)
    shards = {shard.path: shard for source in sources for shard in source.opened}
    lacking = {
        path: wanted
        for path, wanted in _wanted(sources, inputs).items()
        if not _complete(home, shards[path], wanted, thorough)
    }
    if lacking or not is_claimed(home, fingerprint):
        with next_writer(home):
            claim_folder(home, fingerprint, _tell)
            preparations = {each.modality: encoder.preparation() for each in inputs}
            decoder = MediaDecoder(inputs, preparations, workers)
            try:
                _encode_shards(home, shards, lacking, encoder, decoder, workers.threads, progress)
            finally:
                decoder.close()
    return home


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _wanted(sources: Iterable["TaskSource"], inputs: Sequence["Input"]) -> dict[Path, list[Wanted]]:
    """The media of each shard that tasks and inputs read, each once, in the shard's order; annotations that are bad
    name none."""
    read = {extension for each in inputs for extension in each.extensions}
    found: dict[Path, dict[Wanted, None]] = {}
    for source in (source for source in sources if source.task.reads_media):
        for number, shard in enumerate(source.opened):
            media = found.setdefault(shard.path, {})
            for row in source.rows(number).tolist():
                try:
                    annotation = shard.annotation(row)
                except BadSample:
                    continue
                sample = shard.sample(row)
                fields = [each for each in annotation.media if ending_of(each) in read]
                media.update(dict.fromkeys(Wanted(sample, each, span_of(annotation)) for each in fields))
    return {path: _sorted(media) for path, media in found.items()}


def _sorted(media: Iterable[Wanted]) -> list[Wanted]:
    return sorted(media, key=lambda each: (each.sample, each.name))


def _complete(home: Path, shard: Shard, wanted: Sequence[Wanted], thorough: bool) -> bool:
    """Whether a shard's features hold all that is wanted."""
    path = feature_shard(home, shard)
    if not path.is_file():
        return not wanted
    stored = FeatureShard(path, source_of(home, shard))
    if stored.damage or not all(each.key in stored for each in wanted):
        return False
    return not thorough or not stored.sound()[1]


def _encode_shards(
    home: Path,
    shards: Mapping[Path, Shard],
    lacking: Mapping[Path, Sequence[Wanted]],
    encoder: "Encoder",
    decoder: MediaDecoder,
    threads: int,
    progress: Callable[[int, int], None],
) -> None:
    """Encode what the features of each shard lack by now: another process may have been here first."""
    work = []
    for path, wanted in lacking.items():
        shard = shards[path]
        making = FeatureMaking(feature_shard(home, shard), source_of(home, shard), _tell)
        work.append((making, shard, [each for each in wanted if each.key not in making]))
    total, done = sum(len(missing) for _, _, missing in work), 0
    for making, shard, missing in work:
        for _ in _encode_shard(making, source_of(home, shard), shard, missing, encoder, decoder, threads):
            done += 1
            progress(done, total)


def _encode_shard(
    making: FeatureMaking,
    of: str,
    shard: Shard,
    missing: Sequence[Wanted],
    encoder: "Encoder",
    decoder: MediaDecoder,
    threads: int,
) -> Iterator[_Encoded]:
    """Make a shard's features whole, piece by piece; yields each medium when it is encoded."""

    def decode(each: Wanted) -> tuple[Wanted, Media | BadSample]:
        try:
            return each, decoder.read(shard, each.sample, each.field, each.span)
        except BadSample as error:
            return each, error

    piece: dict[Key, bytes] = {}
    for encoded in _encode(in_order(decode, missing, threads, _ITEMS_A_PASS), encoder):
        piece |= {each.wanted.key: _file(of, each) for each in encoded}
        yield from encoded
        if len(piece) >= _MEDIA_A_PIECE or sum(map(len, piece.values())) >= _BYTES_A_PIECE:
            making.add_piece(piece.items())
            piece = {}
    making.finish(piece.items())


def _encode(media: Iterable[tuple[Wanted, Media | BadSample]], encoder: "Encoder") -> Iterator[list[_Encoded]]:
    """Encode in passes of about 16 items, across samples."""
    waiting: list[tuple[Wanted, Media | BadSample]] = []
    items = 0
    for each in media:
        waiting.append(each)
        items += len(each[1].times) if isinstance(each[1], Media) else 0
        if items >= _ITEMS_A_PASS:
            yield list(_one_pass(waiting, encoder))
            waiting, items = [], 0
    yield list(_one_pass(waiting, encoder))


def _one_pass(waiting: Sequence[tuple[Wanted, Media | BadSample]], encoder: "Encoder") -> Iterator[_Encoded]:
    arrays = [media.arrays for _, media in waiting if isinstance(media, Media) and media.arrays is not None]
    tokens = encode_each(encoder, arrays, _ITEMS_A_PASS, torch.bfloat16)
    for wanted, media in waiting:
        if isinstance(media, BadSample):
            yield _Encoded(wanted, None, torch.zeros(0), media)
        else:
            yield _Encoded(wanted, next(tokens).contiguous(), torch.from_numpy(media.times))


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


def _file(of: str, each: _Encoded) -> bytes:
    """The file of a medium."""
    tensors = {} if each.tokens is None else {TOKENS: each.tokens, TIMES: each.times}
    data: bytes = save(tensors, facts_of(of, each.wanted.sample, each.wanted.name, each.bad))
    return data
