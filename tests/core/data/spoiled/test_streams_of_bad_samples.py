"""Whatever of the data is bad, wherever a run stops and over however many processes it goes on: every good sample comes
once an epoch, each bad one is replaced, and all that is bad is counted and listed once."""

import json
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import pairwise
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multigraft.core.data.bucketing import Buckets
from multigraft.core.data.open_shards import OpenShards
from multigraft.core.data.order import Order
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.source import open_source
from multigraft.core.data.staged_sampler import StagedSampler
from multigraft.core.data.stream import Stream
from multigraft.core.options.options import TaskOptions
from multigraft.core.types.rank import Rank
from multigraft.plugins.samplers.one_task import OneTask
from multigraft.plugins.samplers.round_robin import RoundRobin
from multigraft.plugins.samplers.scheduled import Scheduled
from multigraft.plugins.samplers.weighted import WeightedSampler
from multigraft.tasks.multiple_choice_video_question_answering.task import MultipleChoiceVideoQuestionAnswering
from multigraft.tasks.question_answering import QuestionAnswering
from multigraft.tasks.text_classification.task import TextClassification

TASKS = {"vqa": QuestionAnswering(), "choice": MultipleChoiceVideoQuestionAnswering(), "words": TextClassification()}
WINDOW, SEED, STAGE, STEPS = 2, 3, 5, 12
SAMPLERS = ("weighted", "turns", "one task", "scheduled", "staged")


@dataclass(frozen=True)
class Plan:
    """How a training draws and over what it runs."""

    sampler: str
    weights: tuple[int, int, int]
    batch: int
    bucketing: tuple[int, bool] | None
    worlds: tuple[int, int]
    """Processes before and after the stop."""
    threads: tuple[int, int]
    saved: int
    """Steps of the checkpoint."""
    ended: int
    """Steps made when the run is ended, of which those behind the checkpoint are made again."""


@st.composite
def plans(draw):
    counted, few = st.integers(1, 9), st.integers(1, 3)
    bucketing = draw(st.none() | st.tuples(st.integers(2, 6), st.booleans()))
    worlds = st.integers(1, 2 if bucketing else 3)
    stops = sorted(draw(st.tuples(st.integers(0, STEPS), st.integers(0, STEPS))))
    return Plan(
        draw(st.sampled_from(SAMPLERS)), draw(st.tuples(counted, counted, counted)), draw(st.integers(8, 12)),
        bucketing, draw(st.tuples(worlds, worlds)), draw(st.tuples(few, few)), *stops,
    )  # fmt: skip


def sampler_of(plan, sizes):
    weights = dict(zip(TASKS, plan.weights, strict=True))
    shares = {task: weight / sum(plan.weights) for task, weight in weights.items()}
    evenly = dict.fromkeys(TASKS, 1 / 3)
    some = WeightedSampler({"vqa": 1, "words": 2}, plan.batch)
    return {
        "weighted": lambda: WeightedSampler(weights, plan.batch),
        "turns": lambda: RoundRobin(tuple(TASKS), plan.batch),
        "one task": lambda: OneTask(sizes, {"vqa": plan.batch, "choice": plan.batch // 2, "words": plan.batch}),
        "scheduled": lambda: Scheduled([(0, shares), (STAGE, evenly)], plan.batch),
        "staged": lambda: StagedSampler([(0, some), (STAGE, WeightedSampler(weights, plan.batch))], list(TASKS)),
    }[plan.sampler]()


@dataclass
class Processes:
    """The processes of a run, as far as data go: each with its own sources, log and stream."""

    streams: list[Stream] = field(default_factory=list)
    logs: list[SkippedLog] = field(default_factory=list)
    found: dict[int, tuple] = field(default_factory=dict)
    """What each has found bad in the step that is taken."""

    def gathered(self, number, own):
        """Everyone's, by one of them."""
        assert tuple(own) == self.found[number]
        return [each for bad in self.found.values() for each in bad]


def start(plan, folder, media, session, counts):
    """The processes of the first or second session of a run."""
    made, world = Processes(), plan.worlds[session]
    for number in range(world):
        gather = (lambda own, number=number: made.gathered(number, own)) if world > 1 else None
        log = SkippedLog(None if number else folder / "skipped.jsonl", 1.0, gather)
        sources = opened(folder, log)
        log.restore(*counts)
        sizes = {name: source.size for name, source in sources.items()}
        buckets = Buckets(*plan.bucketing, [STAGE, STEPS], SEED, 4) if plan.bucketing else None
        made.logs.append(log)
        stream = Stream(
            sources, sampler_of(plan, sizes), SampleReader(media), log, seed=SEED, batch=plan.batch, window=WINDOW,
            threads=plan.threads[session], rank=Rank(number, world), buckets=buckets,
        )  # fmt: skip
        made.streams.append(stream)
    return made


def opened(folder, log):
    options = TaskOptions(kind="any", data={"train": ["a-*.tar"]})
    shards = OpenShards()
    return {name: open_source(name, task, options, "train", folder, log, shards) for name, task in TASKS.items()}


def run(processes, first, stop):
    """The global batch of each step and the counts behind it, the same in all processes."""
    with ExitStack() as stack:
        drawn = [stack.enter_context(closing(each.drawn(first, STEPS))) for each in processes.streams]
        for step in range(first, stop):
            shares = [next(each) for each in drawn]
            processes.found = {number: share.bad for number, share in enumerate(shares)}
            for stream, share in zip(processes.streams, shares, strict=True):
                stream.take(share)
            yield batch_of(step, shares), counts_of(processes)
        if stop == STEPS:
            assert [list(each) for each in drawn] == [[]] * len(drawn)


def batch_of(step, shares):
    own = [len(share.samples) for share in shares]
    assert {(share.step, share.total, share.lacking) for share in shares} == {(step, sum(own), None)}
    assert len({share.tasks for share in shares}) == 1
    assert max(own) - min(own) <= 1
    batch = sorted((sample for share in shares for sample in share.samples), key=lambda sample: sample.place)
    assert [sample.place for sample in batch] == list(range(len(batch)))
    assert tuple(dict.fromkeys(sample.task for sample in batch)) == shares[0].tasks
    return batch


def counts_of(processes):
    (counts,) = {(log.drawn, log.bad) for log in processes.logs}
    return counts


@dataclass
class Model:
    """What must come of each place of a training, said anew: the annotation there, or the first good replacement."""

    sources: dict
    expected: object

    def __post_init__(self):
        self.orders = {name: Order(source.counts, SEED, name, WINDOW) for name, source in self.sources.items()}

    def name_at(self, task, place):
        shard, row = self.sources[task].locate(place)
        at = shard.index.annotation(row)
        return self.expected.ids[shard.index.key(at.sample), at.position]

    def come_from(self, draw):
        """The annotation at a place, those that were drawn in vain, and the one that comes."""
        order, vain = self.orders[draw.task], []
        first = name = self.name_at(draw.task, order.place(draw.index))
        while name in self.expected.bad:
            name, vain = self.name_at(draw.task, order.drawn(draw.index, len(vain))), [*vain, name]
        return first, vain, name


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return tmp_path_factory.mktemp("spoiled")


@settings(max_examples=25)
@given(st.data(), st.integers(3, 9), plans())
def test_good_samples_come_once_an_epoch_and_bad_ones_are_replaced_and_counted(
    folders, samples, write_shards, media, data, per_shard, plan
):
    with TemporaryDirectory(dir=folders) as name:
        folder = folders / name
        expected = write_shards(folder, data.draw(samples), per_shard)
        processes = start(plan, folder, media, 0, (0, 0))
        before = list(run(processes, 0, plan.ended))[: plan.saved]
        saved = before[-1][1] if before else (0, 0)
        resumed = start(plan, folder, media, 1, saved)
        steps = [*before, *run(resumed, plan.saved, STEPS)]
        stream, model = resumed.streams[0], Model(opened(folder, SkippedLog(None, 1.0)), expected)
        check_compositions(plan, processes.streams + resumed.streams)
        check_steps(stream, model, steps)
        check_epochs(stream, model, steps)
        check_lists(stream, model, resumed.logs[0], folder)


def check_compositions(plan, streams):
    """All processes compute the same global batches, in which each place of each task's order stands once."""
    computed = [[stream.composition(step) for step in range(STEPS)] for stream in streams]
    assert all(each == computed[0] for each in computed)
    for task, count in sampler_of(plan, streams[0].sizes).consumed(STEPS).items():
        drawn = sorted(draw.index for step in computed[0] for draw in step if draw.task == task)
        assert drawn == list(range(count))


def check_steps(stream, model, steps):
    """Good samples keep their places, each bad one is replaced by the same sample wherever it is drawn, and counted."""
    total = bad = 0
    for step, (batch, counts) in enumerate(steps):
        composition = stream.composition(step)
        come = [model.come_from(draw) for draw in composition]
        assert [sample.annotation.id for sample in batch] == [name for _, _, name in come]
        epochs = [draw.index // stream.sizes[draw.task] for draw in composition]
        assert [(sample.task, sample.epoch) for sample in batch] == [
            (draw.task, epoch) for draw, epoch in zip(composition, epochs, strict=True)
        ]
        bad += sum(len(vain) for _, vain, _ in come)
        total += len(batch)
        assert counts == (total + bad, bad)


def check_epochs(stream, model, steps):
    """Over each whole epoch of a task: every good sample once, and as many more of them as there are bad ones."""
    own = {task: [] for task in TASKS}
    for step, (batch, _) in enumerate(steps):
        for draw, sample in zip(stream.composition(step), batch, strict=True):
            own[draw.task].append((draw.index, sample.annotation.id))
    for task, drawn in own.items():
        names = [name for _, name in sorted(drawn)]
        every = {name for name in model.expected.ids.values() if name.startswith(f"{task}/")}
        good = every - model.expected.bad.keys()
        assert stream.sizes[task] == len(every)
        for first, last in pairwise(range(0, len(names) + 1, len(every))):
            come = Counter(names[first:last])
            assert come.keys() == good
            assert come.total() - len(good) == len(every - good)


def check_lists(stream, model, log, folder):
    """What the indices say, and what was drawn, each once: by kind and task, in the counts, the list and the file."""
    noted = model.expected.noted
    met = {
        model.expected.bad[name]
        for step in range(STEPS) for draw in stream.composition(step) for name in model.come_from(draw)[1]
    }  # fmt: skip
    lines = [json.loads(line) for line in (folder / "skipped.jsonl").read_text().splitlines()]
    listed = {(line["shard"], line["key"], line["annotation"], line["reason"]): line["count"] for line in lines}
    assert len(listed) == len(lines) == len(log.listed)
    assert listed == {**dict.fromkeys(met, 1), **noted}
    counts = Counter()
    for (shard, _, _, reason), count in listed.items():
        counts[shard, reason] += count
    assert log.counts == counts
