"""Controls: the same held-out samples with something taken away, to show what a score rests on."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from multigraft.core.data.batch import Sample
from multigraft.core.data.media import Media
from multigraft.core.data.order import Order, Place
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.seeding import seeded
from multigraft.core.data.skipped import Skipped

if TYPE_CHECKING:
    from multigraft.core.data.source import TaskSource

Frames = Callable[[Media, random.Random], list[int]]
"""Which frames of a video are seen, in which order."""


_ATTEMPTS = 20


@dataclass(frozen=True)
class Control:
    """What a control does to a sample's media."""

    help: str
    media: str = "own"
    """`own`, `none`, or `donor`: those of another sample of the task, drawn uniformly."""
    frames: Frames | None = None
    """Applies to videos only, and leaves tasks without videos out."""
    untrained: bool = False
    """Whether the graft is set back to its start values."""


def _reversed(media: Media, draw: random.Random) -> list[int]:
    return list(range(len(media.times)))[::-1]


def _shuffled(media: Media, draw: random.Random) -> list[int]:
    return draw.sample(range(len(media.times)), len(media.times))


def _last(media: Media, draw: random.Random) -> list[int]:
    return [len(media.times) - 1]


CONTROLS: Mapping[str, Control] = {
    "untrained": Control("the graft before training", untrained=True),
    "no-media": Control("text alone", media="none"),
    "shuffled-media": Control("each text with the media of another sample, drawn uniformly", media="donor"),
    "reversed-frames": Control("videos backwards", frames=_reversed),
    "shuffled-frames": Control("videos with their frames in a random order", frames=_shuffled),
    "last-frame": Control("the last frame of each video alone", frames=_last),
}


class ControlledReader(SampleReader):
    """Reads samples and changes their media as a control says."""

    def __init__(self, reader: SampleReader, control: Control, seed: int) -> None:
        self._reader, self._control, self._seed = reader, control, seed

    def read(self, source: "TaskSource", place: Place, seed: int | None) -> Sample | Skipped:
        """The sample at a place under the control."""
        sample = self._reader.read(source, place, seed)
        if isinstance(sample, Skipped):
            return sample
        draw = random.Random(seeded("control", self._seed, 0, sample.annotation.id))
        if self._control.media == "none":
            return replace(sample, media=())
        if self._control.media == "donor":
            donor = self._donor(source, draw)
            return donor if isinstance(donor, Skipped) else replace(sample, media=donor.media)
        if self._control.frames is not None:
            return replace(sample, media=tuple(_pick(each, self._control.frames, draw) for each in sample.media))
        return sample

    def _donor(self, source: "TaskSource", draw: random.Random) -> Sample | Skipped:
        """Any sample of the task; a bad one is drawn again."""
        order = Order(source.counts, 0, source.name, 1)
        for _ in range(_ATTEMPTS):
            donor = self._reader.read(source, order.unshuffled(draw.randrange(order.size)), None)
            if isinstance(donor, Sample):
                break
        return donor


def _pick(media: Media, frames: Frames, draw: random.Random) -> Media:
    if media.kind != "video":
        return media
    chosen = frames(media, draw)
    shown = None if media.frames is None else np.ascontiguousarray(media.frames[chosen])
    features = None if media.features is None else media.features[chosen]
    return Media(media.kind, shown, media.times[: len(chosen)], features)
