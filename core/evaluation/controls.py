"""Controls: the same held-out samples with something taken away, to show what a score rests on."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from multigraft.core.data.evaluation_samples import LeftOut
from multigraft.core.data.order import Place
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.seeding import seeded
from multigraft.core.data.skipped import Skipped
from multigraft.core.evaluation.donors import Donors
from multigraft.core.types.media import Media
from multigraft.core.types.sample import Sample

if TYPE_CHECKING:
    from multigraft.core.data.source import TaskSource

Frames = Callable[[Media, random.Random], list[int]]
"""Which frames of a video are seen, in which order."""

_ATTEMPTS = 20


@dataclass(frozen=True)
class Control:
    """What a control does to a sample's media, or to the graft."""

    help: str
    media: str = "own"
    """`own`, `none`, or `donor`: those of another sample of the task, drawn uniformly among those with other media."""
    frames: Frames | None = None
    """Applies to videos only, and leaves tasks without videos out."""
    graft: Literal["trained", "start", "none"] = "trained"
    """`start`: set back to its start values; `none`: the trunk alone, without prompts and heads."""


def _reversed(media: Media, draw: random.Random) -> list[int]:
    return list(range(len(media.times)))[::-1]


def _shuffled(media: Media, draw: random.Random) -> list[int]:
    return draw.sample(range(len(media.times)), len(media.times))


def _last(media: Media, draw: random.Random) -> list[int]:
    return [len(media.times) - 1]


CONTROLS: Mapping[str, Control] = {
    "untrained": Control("the graft before training", graft="start"),
    "no-graft": Control("the trunk alone", graft="none"),
    "no-media": Control("text alone", media="none"),
    "shuffled-media": Control("each text with other media, those of a sample drawn uniformly", media="donor"),
    "reversed-frames": Control("videos backwards", frames=_reversed),
    "shuffled-frames": Control("videos with their frames in a random order", frames=_shuffled),
    "last-frame": Control("the last frame of each video alone", frames=_last),
}


class ControlledReader(SampleReader):
    """Reads samples and changes their media as a control says.

    A sample that the control cannot change is `LeftOut`, but for one without videos under a control of frames: it is
    read as it is. Both are named in `left_out`.

    Args:
        kinds: kind of media by extension; a donor has as many of each as the sample.
    """

    def __init__(
        self, reader: SampleReader, control: Control, seed: int, kinds: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._reader, self._control, self._seed, self._kinds = reader, control, seed, kinds
        self._donors: dict[str, Donors] = {}
        self.left_out: list[LeftOut] = []
        """In the order met."""

    def read(self, source: "TaskSource", place: Place, seed: int | None) -> Sample | Skipped:
        """The sample at a place under the control."""
        sample = self._reader.read(source, place, seed)
        if isinstance(sample, Skipped) or self._control.graft != "trained":
            return sample
        draw = random.Random(seeded("control", self._seed, 0, sample.annotation.id))
        if not sample.media:
            return self._leave_out(sample, "no media")
        if self._control.media == "none":
            return replace(sample, media=())
        if self._control.media == "donor":
            return self._with_donor(source, place, sample, draw)
        return self._with_frames(sample, draw)

    def _with_donor(self, source: "TaskSource", place: Place, sample: Sample, draw: random.Random) -> Sample | Skipped:
        donors = self._donors.setdefault(source.name, Donors(source, self._kinds))
        reason = "no sample of the task has other media of these kinds"
        for donor_place in islice(donors.of(place, draw), _ATTEMPTS):
            donor = self._reader.read(source, donor_place, None)
            if isinstance(donor, Sample):
                return replace(sample, media=donor.media)
            reason = "none of the samples with other media that were tried can be read"
        return self._leave_out(sample, reason)

    def _with_frames(self, sample: Sample, draw: random.Random) -> Sample | Skipped:
        if all(media.kind != "video" for media in sample.media):
            self._leave_out(sample, "no video")
            return sample
        made = tuple(_changed(media, self._control.frames, draw) for media in sample.media)
        if all(new is media for new, media in zip(made, sample.media, strict=True)):
            return self._leave_out(sample, "its frames stay as they are")
        return replace(sample, media=made)

    def _leave_out(self, sample: Sample, reason: str) -> LeftOut:
        shard, _, key = sample.origin.rpartition("#")
        left = LeftOut(shard, key, sample.annotation.id, reason)
        self.left_out.append(left)
        return left


def _changed(media: Media, frames: Frames | None, draw: random.Random) -> Media:
    """The video with its frames chosen, drawn anew while nothing has changed; itself where nothing can change."""
    if media.kind != "video" or frames is None:
        return media
    for _ in range(_ATTEMPTS):
        made = _pick(media, frames(media, draw))
        if not _same(made, media):
            return made
    return media


def _same(first: Media, second: Media) -> bool:
    pairs = ((first.arrays, second.arrays), (first.features, second.features))
    return all(one is two or (one is not None and two is not None and np.array_equal(one, two)) for one, two in pairs)


def _pick(media: Media, chosen: list[int]) -> Media:
    shown = None if media.arrays is None else np.ascontiguousarray(media.arrays[chosen])
    features = None if media.features is None else media.features[chosen]
    return replace(media, arrays=shown, times=media.times[: len(chosen)], features=features)
