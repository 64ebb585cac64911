"""Makes stored features: the frozen encoder runs once over all media that some tasks use."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from multigraft.core.config.recipe import DataSection
from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.features import (
    BAD,
    FEATURES,
    TIMES,
    claim_folder,
    feature_fingerprint,
    feature_folder,
    feature_name,
    feature_shard,
    media_names,
    medium_of,
)
from multigraft.core.data.media import BadSample, Media
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.reader import span_of
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.data.shard_writer import ShardFile
from multigraft.core.data.source import TaskSource
from multigraft.core.interfaces.calls import PlainCalls
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.input import Input, Span

_PICTURES_A_PASS = 16


@dataclass(frozen=True)
class Wanted:
    """A medium to encode."""

    sample: int
    field: str
    span: Span | None


@dataclass(frozen=True)
class _Encoded:
    wanted: Wanted
    tokens: Tensor | None
    """bfloat16 `(pictures, tokens, width)`, on the processor; None where the medium is bad."""
    times: Tensor
    bad: BadSample | None = None


def encode_features(
    sources: Sequence[TaskSource],
    encoder: VisualEncoder,
    inputs: Sequence[Input],
    section: DataSection,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Encode every medium that the sources' annotations name, shard by shard; what is there already is kept.

    Args:
        folder: folder of all features; these come to lie in a folder of it that is named by their fingerprint.
        progress: called with the media done and all media.

    Returns:
        The folder for `FeatureStore`.
    """
    fingerprint = feature_fingerprint(encoder, inputs)
    home = feature_folder(folder, fingerprint)
    claim_folder(home, fingerprint)
    work = {path: missing for path, wanted in _wanted(sources).items() if (missing := _to_encode(home, path, wanted))}
    total, done = sum(map(len, work.values())), 0
    decoder = MediaDecoder(inputs, encoder.transform, section)
    try:
        for path, wanted in work.items():
            for _ in _encode_shard(home, open_shard(path), wanted, encoder, decoder, section.threads):
                done += 1
                progress(done, total)
    finally:
        decoder.close()
    return home


def _wanted(sources: Iterable[TaskSource]) -> dict[Path, list[Wanted]]:
    """The media of each shard, each once, in the shard's order; annotations that are bad name none."""
    found: dict[Path, dict[Wanted, None]] = {}
    for source in sources:
        for path, rows in zip(source.shards, source.rows, strict=True):
            shard = open_shard(path)
            media = found.setdefault(path, {})
            for row in rows.tolist():
                try:
                    annotation = shard.annotation(row)
                except BadSample:
                    continue
                sample = int(shard.index.annotations.sample[row])
                media.update(dict.fromkeys(Wanted(sample, each, span_of(annotation)) for each in annotation.media))
    return {path: _sorted(media) for path, media in found.items()}


def _sorted(media: Iterable[Wanted]) -> list[Wanted]:
    return sorted(media, key=lambda each: (each.sample, feature_name(each.field, each.span)))


def _to_encode(home: Path, path: Path, wanted: Sequence[Wanted]) -> Sequence[Wanted]:
    """Nothing if the shard's features hold all that is wanted, else that and what they held before."""
    shard = open_shard(path)
    target = feature_shard(home, shard)
    if not target.is_file():
        return wanted
    stored = open_shard(target)
    there = {
        Wanted(shard.index.numbers[key], *medium_of(name))
        for number, key in enumerate(stored.index.keys)
        for name in media_names(stored, number)
    }
    if there.issuperset(wanted):
        return ()
    return _sorted(there.union(wanted))


def _encode_shard(
    home: Path, shard: Shard, wanted: Sequence[Wanted], encoder: VisualEncoder, decoder: MediaDecoder, threads: int
) -> Iterator[_Encoded]:
    """Write a shard's features, whole or not at all; yields each medium when it is encoded."""

    def decode(each: Wanted) -> tuple[Wanted, Media | BadSample]:
        try:
            return each, decoder.read(shard, each.sample, each.field, each.span)
        except BadSample as error:
            return each, error

    file = ShardFile(feature_shard(home, shard))
    try:
        encoded = _encode(in_order(decode, wanted, threads, _PICTURES_A_PASS), encoder)
        for sample, group in groupby(encoded, key=lambda each: each.wanted.sample):
            media = list(group)
            file.add(shard.index.keys[sample], None, _files(media))
            yield from media
    except BaseException as error:
        file.close(error)
        raise
    file.close()


def _encode(media: Iterable[tuple[Wanted, Media | BadSample]], encoder: VisualEncoder) -> Iterator[_Encoded]:
    """Encode in passes of about 16 pictures, across samples."""
    waiting: list[tuple[Wanted, Media | BadSample]] = []
    pictures = 0
    for each in media:
        waiting.append(each)
        pictures += len(each[1].times) if isinstance(each[1], Media) else 0
        if pictures >= _PICTURES_A_PASS:
            yield from _one_pass(waiting, encoder)
            waiting, pictures = [], 0
    yield from _one_pass(waiting, encoder)


def _one_pass(waiting: Sequence[tuple[Wanted, Media | BadSample]], encoder: VisualEncoder) -> Iterator[_Encoded]:
    frames = [
        torch.from_numpy(media.frames.copy())
        for _, media in waiting
        if isinstance(media, Media) and media.frames is not None
    ]
    tokens = iter(torch.split(_run(encoder, torch.cat(frames)), [len(each) for each in frames]) if frames else ())
    for wanted, media in waiting:
        if isinstance(media, BadSample):
            yield _Encoded(wanted, None, torch.zeros(0), media)
        else:
            yield _Encoded(wanted, next(tokens).contiguous(), torch.from_numpy(media.times))


def _run(encoder: VisualEncoder, pixels: Tensor) -> Tensor:
    """uint8 `(pictures, 3, size, size)` to bfloat16 `(pictures, tokens, width)` on the processor."""
    device = next(encoder.parameters()).device
    with torch.no_grad():
        passes = [encoder(each.to(device), PlainCalls()) for each in torch.split(pixels, _PICTURES_A_PASS)]
    return torch.cat(passes).to("cpu", torch.bfloat16)


def _files(media: Sequence[_Encoded]) -> Mapping[str, bytes]:
    """The files of a sample."""
    tensors: dict[str, Tensor] = {}
    bad: dict[str, list[str]] = {}
    for each in media:
        name = feature_name(each.wanted.field, each.wanted.span)
        if each.bad is not None:
            bad[name] = [each.bad.reason, each.bad.detail]
        elif each.tokens is not None:
            tensors |= {name: each.tokens, name + TIMES: each.times}
    files = {FEATURES: save(tensors)} if tensors else {}
    return files | ({BAD: json.dumps(bad).encode()} if bad else {})
