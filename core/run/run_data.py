"""The data of a run: its tasks' sources by split, and how samples are read."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from multigraft.core.data.bucketing import Buckets
from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.data.encoding import MakeShards, StoredFeatures, encode_features
from multigraft.core.data.features import FeatureStore, feature_fingerprint
from multigraft.core.data.media_by_modality import MediaByModality
from multigraft.core.data.media_limit import MediaLimit
from multigraft.core.data.open_shards import OpenShards, SourceShards
from multigraft.core.data.problem_lines import problem_lines
from multigraft.core.data.reader import MediaReader, SampleReader
from multigraft.core.data.remote.address import Address
from multigraft.core.data.remote.cache import GIGABYTE, ShardCache, default_folder
from multigraft.core.data.remote.remote_shard import RemoteShards
from multigraft.core.data.shard import Shard
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.source import TaskSource, open_source, source_shards
from multigraft.core.data.staged_sampler import StagedSampler
from multigraft.core.data.stream import Stream
from multigraft.core.errors import MultigraftError, below
from multigraft.core.interfaces.encoder import Encoder
from multigraft.core.interfaces.input import Input
from multigraft.core.interfaces.sampler import Sampler
from multigraft.core.interfaces.task import Task
from multigraft.core.options.options import TaskOptions
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.recipe.features_section import FeaturesSection
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.spans import StageSpan, largest_draw, spans, with_steps
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import Registry
from multigraft.core.types.media import ending_of
from multigraft.core.types.preparation import Preparation
from multigraft.core.types.rank import Rank

if TYPE_CHECKING:
    from multigraft.core.data.open_shards import SourceShards
    from multigraft.core.run.recipe_sources import RecipeSources

FEATURES = "features"
"""Folder of stored features, under `data.root`."""


class RunData:
    """Sources, opened when first asked for, and one reader for all.

    Args:
        preparations: what the encoder of each modality wants; none for text-only runs.
        most_images: of a sample of each task, or clips of sound, by modality; as many as there are of one that is left
            out.
    """

    def __init__(
        self,
        recipe: Recipe,
        registry: Registry,
        preparations: Mapping[str, Preparation],
        log: SkippedLog,
        most_images: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
    ) -> None:
        self.recipe, self.registry, self.log = recipe, registry, log
        self.root = Path(recipe.data.root)
        self.tasks: dict[str, Task] = {n: registry.build("tasks", o) for n, o in recipe.tasks.items()}
        self.inputs: list[Input] = [build_input(registry, options) for options in recipe.inputs]
        data = recipe.data
        self.workers = DecodeWorkers(data.threads, data.processes, data.deadline)
        self._decoder = MediaDecoder(self.inputs, preparations, self.workers) if preparations else None
        self.media: MediaReader | None = self._decoder
        self.limit(most_images)
        self._sources: dict[tuple[str, str], TaskSource] = {}
        self._kinds: dict[tuple[str, str], list[str]] = {}
        self._opened = OpenShards(_remote(recipe), _maker(registry, self.root, data.bad_limit))

    def source(self, task: str, split: str) -> TaskSource:
        """A task's annotations in a split."""
        if (task, split) not in self._sources:
            options = self.recipe.tasks[task]
            opened = open_source(task, self.tasks[task], options, split, self.root, self.log, self._opened)
            self._sources[task, split] = opened
        return self._sources[task, split]

    def problem_lines(self, splits: Iterable[str]) -> list[str]:
        """What the shards of some splits hold that no task uses."""
        wanted = dict.fromkeys(splits)
        sources = [self.source(name, s) for s in wanted for name, task in self.recipe.tasks.items() if s in task.data]
        return list(problem_lines(sources))

    def shards(self, task: str) -> list[Shard]:
        """The shards of all splits of a task, as far as they are there.

        Raises:
            OptionError: a source cannot be used, with its place below the task's `data`.
        """
        options, found = self.recipe.tasks[task], dict[str, Shard]()
        for split, entries in options.data.items():
            for place, entry in enumerate(entries):
                with below(split, place):
                    found |= {shard.name: shard for shard in self._shards_of(entry, options)}
        return list(found.values())

    def reached(self, address: str) -> Shard:
        """The shard at an address.

        Raises:
            MultigraftError: it cannot be reached, or is not there.
        """
        (shard,) = self._opened.shards([Address(address)])
        if shard is None:
            raise MultigraftError(f"{Address(address)} is no longer there, or a worker may not have it")
        return shard

    def _shards_of(self, entry: str | SourceOptions, options: TaskOptions) -> Sequence[Shard]:
        if isinstance(entry, str):
            opened = self._opened.shards(self._opened.named(entry, self.root))
            return [shard for shard in opened if shard is not None]
        return source_shards(entry, options, self._opened).shards

    def store_features(
        self,
        encoders: Mapping[str, Encoder],
        progress: Callable[[int, int], None],
        thorough: bool,
        splits: Collection[str] = (),
        makers: Mapping[str, MakeShards] = MappingProxyType({}),
    ) -> dict[str, StoredFeatures]:
        """Encode the media of all splits that are not encoded yet, and read features from now on.

        Returns:
            What is stored of each modality.

        Args:
            thorough: read what is stored, to make again what is damaged; one process of a machine is enough.
            splits: some of the splits, for those that read no others; all if left out.
            makers: who makes the feature shards of each modality; this process if left out.
        """
        tasks = self.recipe.tasks.items()
        named = [(name, split) for name, task in tasks for split in task.data if not splits or split in splits]
        sources = [self.source(name, split) for name, split in named]
        refuse_media_apart(sources)
        folder, form = self.features_folder, self.recipe.data.feature_form or FeaturesSection()
        stores, made = {}, {}
        for modality, encoder in encoders.items():
            inputs = self.inputs_of(modality)
            made[modality] = encode_features(
                sources, encoder, inputs, self.workers, folder, progress, thorough, form.store, makers.get(modality)
            )
            fingerprint = feature_fingerprint(encoder, inputs, form.store)
            stores[modality] = FeatureStore(made[modality].home, fingerprint, inputs)
        self.use(MediaByModality(stores, self.inputs))
        return made

    def inputs_of(self, modality: str) -> list[Input]:
        """The inputs that read media of a modality."""
        return [each for each in self.inputs if each.modality == modality]

    @property
    def features_folder(self) -> Path:
        """The folder of all stored features."""
        return self.root / FEATURES

    def use(self, media: MediaReader | None) -> None:
        """Read media from there from now on."""
        self.media, self.reader = media, SampleReader(media, self._limits)

    def limit(self, most_images: Mapping[str, Mapping[str, int]]) -> None:
        """Skip samples with more images, or clips of sound, than these from now on; by task and modality."""
        self._limits = {task: MediaLimit.of(self.inputs, most) for task, most in most_images.items()}
        self.use(self.media)

    def training_sources(self) -> dict[str, TaskSource]:
        """The sources that training draws from."""
        return {name: self.source(name, "train") for name in self.recipe.tasks}

    def sampler(self) -> Sampler:
        """What says how many samples of each task the batch of a step of training holds."""
        train = self.with_steps().train
        return StagedSampler([(s.start, self._sampler(s)) for s in spans(train)], list(self.recipe.tasks))

    def with_steps(self) -> Recipe:
        """The recipe with the steps that its epochs are; nothing is opened where it has none."""
        return with_steps(self.recipe, self._epoch_steps)

    def stream(self, rank: Rank) -> Stream:
        """The stream of training for one process."""
        train = self.recipe.train
        return Stream(
            self.training_sources(),
            self.sampler(),
            self.reader,
            self.log,
            seed=train.seed,
            batch=largest_draw(self.recipe),
            window=self.recipe.data.window,
            threads=self.threads,
            rank=rank,
            buckets=self._buckets(),
        )

    def pool(self, step: int) -> list[int] | None:
        """First step and end of the steps that the samples of a step were dealt out to; None without buckets."""
        buckets = self._buckets()
        return [*buckets.pool(step)] if buckets else None

    def _buckets(self) -> Buckets | None:
        train = self.with_steps().train
        bucketing = train.bucketing
        if bucketing is None:
            return None
        ends = [span.stop for span in spans(train)]
        return Buckets(bucketing.steps, bucketing.alike == "length", ends, train.seed, bucketing.SPREAD)

    def _sizes(self, span: StageSpan) -> dict[str, int]:
        """Annotations of the tasks that a stage draws."""
        return {name: self.source(name, "train").size for name in span.of(self.recipe.tasks)}

    def _sampler(self, span: StageSpan) -> Sampler:
        train, sizes = self.recipe.train, self._sizes(span)
        built: Sampler = self.registry.build("samplers", span.sampler, sizes=sizes, batch=train.batch, seed=train.seed)
        return built

    def _epoch_steps(self, span: StageSpan) -> int:
        return self._sampler(span).epoch_steps(self._sizes(span), self.recipe.train.batch)

    @property
    def threads(self) -> int:
        """Threads that read ahead: those that decode pictures, and one waiting for each process that decodes videos."""
        return self.recipe.data.threads + self.recipe.data.processes

    def has_kind(self, task: str, split: str, kind: str) -> bool:
        """Whether any record that a task asks about holds a medium of a kind, by the shards' indices."""
        endings = {ending for each in self.inputs if each.kind == kind for ending in each.extensions}
        source = self.source(task, split)
        shards = (shard for shard, count in enumerate(source.counts) if count)
        return any(_holds(source, shard, endings) for shard in shards)

    def kinds(self, task: str, split: str) -> list[str]:
        """The kinds of media that the records hold which a task asks about."""
        if (task, split) not in self._kinds:
            known = dict.fromkeys(each.kind for each in self.inputs)
            self._kinds[task, split] = [kind for kind in known if self.has_kind(task, split, kind)]
        return list(self._kinds[task, split])

    def close(self) -> None:
        """End the decoding processes."""
        if self._decoder:
            self._decoder.close()


def _remote(recipe: Recipe) -> RemoteShards:
    cache = recipe.data.cache
    folder = Path(cache.folder).expanduser() if cache.folder else default_folder()
    return RemoteShards(ShardCache(folder, int(cache.gigabytes * GIGABYTE)), recipe.data.allow_pipes)


def _maker(registry: Registry, root: Path, bad_limit: float) -> Callable[[SourceOptions], SourceShards]:
    """What makes the shards of sources; it is imported when there is one."""

    @cache
    def sources() -> "RecipeSources":
        from multigraft.core.run.recipe_sources import RecipeSources

        return RecipeSources(registry, root, bad_limit)

    return lambda options: sources().shards(options)


def refuse_media_apart(sources: Iterable[TaskSource]) -> None:
    """Refuse to store features of media that may change while their names stay.

    Raises:
        MultigraftError: media of a source lie apart from its shards.
    """
    for source in sources:
        if any(shard.media is not None for shard in source.opened):
            raise MultigraftError(
                f"task {source.name!r}, split {source.split!r}: `data.features` stores what lies in shards, and these "
                "media may change under their names; pack them first: `multigraft data pack`"
            )


def _holds(source: TaskSource, number: int, endings: Set[str]) -> bool:
    if (media := source.opened[number].media) is not None:
        return any(not endings.isdisjoint(media.endings.get(task, ())) for task in source.takes)
    index = source.opened[number].index
    fields = [place for place, field in enumerate(index.head.fields) if ending_of(field) in endings]
    if not fields:
        return False
    members = index.members
    holders = np.repeat(np.arange(index.head.samples), np.diff(members.first))[np.isin(members.field, fields)]
    return bool(np.isin(index.annotations.sample[source.rows(number)], holders).any())
