"""Reads one sample: its annotation, what the task makes of it, and its media."""

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from multigraft.core.data.media_limit import MediaLimit
from multigraft.core.data.seeding import seeded
from multigraft.core.data.skipped import Skipped
from multigraft.core.errors import BadSample, legible
from multigraft.core.types.media import Media, Span
from multigraft.core.types.sample import Sample

if TYPE_CHECKING:
    from multigraft.core.data.order import Place
    from multigraft.core.data.shard import Shard
    from multigraft.core.data.source import TaskSource
    from multigraft.core.types.annotation import Annotation


class MediaReader(Protocol):
    """Where media come from: decoded now, or stored features."""

    def read(self, shard: "Shard", sample: int, field: str, span: Span | None) -> Media:
        """One medium of a sample.

        Raises:
            BadSample: it cannot be used.
        """
        ...


class SampleReader:
    """Reads samples; safe to call from several threads.

    Args:
        media: None for runs without an encoder, which read text only.
        limits: how many media of a kind a sample of each task may have.
    """

    def __init__(self, media: MediaReader | None, limits: Mapping[str, MediaLimit] = MappingProxyType({})) -> None:
        self._media, self._limits = media, limits

    def read(self, source: "TaskSource", place: "Place", seed: int | None) -> Sample | Skipped:
        """The sample at a place, or what is wrong with it. With a seed, drawn targets depend on it, on the epoch and
        on the annotation's id; without one, as in evaluation, nothing is drawn."""
        shard, row = source.locate(place)
        at = shard.index.annotation(row)
        key = shard.index.key(at.sample)
        name = f"annotations.{at.position}" if at.size else ""  # the index has the record's bad ones in one line
        try:
            annotation = shard.annotation_at(at)
            name = annotation.id
            draw = None if seed is None else random.Random(seeded("target", seed, place.epoch, name))
            example = source.task.example(annotation, draw).with_prefix(source.options.prefix)
            media = self._read_media(source, shard, at.sample, annotation)
        except BadSample as error:
            return Skipped(shard.name, key, name, error.reason, legible(error.detail))
        epoch = None if seed is None else place.epoch
        home = shard.media.home if shard.media and annotation.media else ""
        return Sample(source.name, annotation, example, media, f"{shard.name}#{key}", epoch=epoch, media_home=home)

    def _read_media(
        self, source: "TaskSource", shard: "Shard", sample: int, annotation: "Annotation"
    ) -> tuple[Media, ...]:
        if self._media is None or not source.task.reads_media:
            return ()
        if source.name in self._limits:
            self._limits[source.name].check(annotation.media)
        span = span_of(annotation)
        return tuple(self._media.read(shard, sample, field, span) for field in annotation.media)


def span_of(annotation: "Annotation") -> Span | None:
    """The stretch of video that an annotation is about."""
    return Span(*annotation.span) if annotation.span else None
