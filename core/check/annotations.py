"""The checks of a recipe against a few annotations of its shards: what would fail for them all is told beforehand."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from multigraft.core.check.subject import Subject
from multigraft.core.data.excerpt import with_places
from multigraft.core.data.modalities import kinds_by_ending
from multigraft.core.data.seeding import seeded
from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample, OptionError
from multigraft.core.interfaces.evaluator import Evaluator
from multigraft.core.interfaces.objective import Objective
from multigraft.core.interfaces.task import Task
from multigraft.core.model.build import build_evaluator
from multigraft.core.model.objectives import build_objectives
from multigraft.core.recipe.components import Location, walk
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.prompts import prompts_of
from multigraft.core.recipe.splits import TRAIN, final_split
from multigraft.core.suggest import did_you_mean
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.media import ending_of
from multigraft.core.types.sample import TextPair

_DRAWS = 4
"""How often the target of an annotation is drawn, where a task draws it."""


def examples(subject: Subject) -> Iterator[Problem]:
    """Annotations of every split have what their task makes examples of."""
    if subject.data is None:
        return
    used = (TRAIN, subject.recipe.eval.split, final_split(subject.recipe))
    for name, options in subject.recipe.tasks.items():
        for split in options.data:
            looked_at = subject.excerpt(name, split)
            lacking = [told for each in looked_at if (told := _lacks(subject.data.tasks[name], each))]
            message = f"{len(lacking)} of {len(looked_at)} annotations looked at cannot be used: "
            if lacking and len(lacking) == len(looked_at) and split in used:
                yield subject.document.problem(("tasks", name, "data", split), message + lacking[0])
            elif lacking:
                subject.notes.append(f"task {name!r}, split {split!r}: {message}{lacking[0]}")


def _lacks(task: Task, annotation: Annotation) -> str:
    """What keeps a task from using an annotation; empty where it can."""
    try:
        task.example(annotation, None)
    except BadSample as error:
        return str(error)
    return ""


def objectives(subject: Subject) -> Iterator[Problem]:
    """Each objective can learn the targets of its task, and no text of its options is the target of nothing."""
    if subject.data is None:
        return
    for name, options in subject.recipe.tasks.items():
        source = subject.data.source(name, TRAIN)
        looked_at = subject.excerpt(name, TRAIN)
        targets = list(dict.fromkeys(_targets(subject.data.tasks[name], looked_at)))
        for number, each in enumerate(options.objective if targets else ()):
            objective: Objective = subject.registry.build("objectives", each)
            place: Location = ("tasks", name, "objective", number)
            yield from _of_targets(subject, objective, place, targets, (len(looked_at), source.size))


def _of_targets(
    subject: Subject, objective: Objective, place: Location, targets: Sequence[str], sizes: tuple[int, int]
) -> Iterator[Problem]:
    """What is wrong with an objective for the targets of so many annotations of so many."""
    if refusal := objective.refuse(targets):
        yield subject.document.problem(place, refusal)
        return
    for value in objective.unused(targets):
        message = f"{value!r} is the target of none of the {sizes[0]} annotations looked at"
        if sizes[0] < sizes[1]:
            subject.notes.append(f"tasks.{place[1]}.objective: {message}")
        else:
            yield subject.document.problem(_place_of(subject, place, value), message, did_you_mean(value, targets))


def _targets(task: Task, annotations: Sequence[Annotation]) -> Iterator[str]:
    """What is learned from: targets of weight 0 are not."""
    for annotation in annotations:
        for number in range(_DRAWS):
            draw = Random(seeded("target", number, annotation.id)) if number else None
            example = _example(task, annotation, draw)
            if example and example.weight > 0:
                yield example.target


def _example(task: Task, annotation: Annotation, draw: Random | None) -> TextPair | None:
    try:
        return task.example(annotation, draw)
    except BadSample:
        return None


def _place_of(subject: Subject, place: Location, value: str) -> Location:
    """Where a value stands below a place; the place itself if it does not."""
    inside = (each.location for each in walk(subject.recipe) if each.value == value)
    return next((each for each in inside if each[: len(place)] == place), place)


def evaluators(subject: Subject) -> Iterator[Problem]:
    """Annotations have what the evaluator of their task needs of them, such as choices."""
    split = final_split(subject.recipe)
    for name, options in subject.recipe.tasks.items():
        if subject.data is None or subject.trunk is None or split not in options.data:
            continue
        task, looked_at = subject.data.tasks[name], subject.excerpt(name, split)
        evaluator = _evaluator(subject, name)
        examples = {each.id: _example(task, each, None) for each in looked_at}
        lacking = {
            key: what for key, each in examples.items() if evaluator and each and (what := evaluator.lacks(each))
        }
        if lacking:
            key, what = next(iter(lacking.items()))
            message = f"{len(lacking)} of {len(looked_at)} annotations looked at have no {what}, such as {key!r}"
            place = ("tasks", name, "evaluator")
            yield subject.document.problem(place, message, "`generate` needs none")


def _evaluator(subject: Subject, task: str) -> Evaluator | None:
    """The evaluator of a task; None where `deep.tasks` has told why there is none."""
    assert subject.trunk is not None
    given = subject.recipe, subject.registry, subject.trunk.backbone
    try:
        return build_evaluator(*given, task, build_objectives(*given, task))
    except OptionError:
        return None


def media(subject: Subject) -> Iterator[Problem]:
    """The recipe's inputs read the media of every task, and the prompts have room for its images and clips."""
    if subject.data is None or subject.trunk is None or not subject.trunk.encoders:
        return
    inputs = [each for each in subject.data.inputs if each.modality in subject.trunk.encoders]
    read_by = kinds_by_ending(inputs)
    known = ", ".join(read_by) or "nothing"
    for name in subject.recipe.tasks:
        looked_at = subject.excerpt(name, TRAIN)
        if not subject.data.tasks[name].reads_media:
            subject.notes += _left_unread(name, looked_at)
            continue
        if not looked_at:
            continue
        endings = [[ending_of(field) for field in each.media] for each in looked_at]
        unread = Counter(ending for each in endings for ending in dict.fromkeys(each) if ending not in read_by)
        hindered = sum(any(ending not in read_by for ending in each) for each in endings)
        if hindered == len(looked_at):
            message = f"no input reads the media of task {name!r}, which are {', '.join(sorted(unread))}"
            yield subject.document.problem(("inputs",), message, f"those that have an encoder read {known}")
        elif hindered:
            ask = f"{hindered} of {len(looked_at)} annotations looked at have media that no input reads"
            subject.notes.append(f"task {name!r}: {ask}: {', '.join(sorted(unread))}")
        limits = subject.summary.most_images[name] if subject.summary else {}
        for kind, modality in {each.kind: each.modality for each in inputs if each.kind != "video"}.items():
            if modality in limits:
                counts = [sum(read_by.get(e) == kind for e in each) for each in endings]
                yield from _too_many(subject, name, counts, _Room(kind, modality, limits[modality]))


def media_apart(subject: Subject) -> Iterator[Problem]:
    """Media that lie apart from the annotations are there."""
    if subject.data is None or subject.trunk is None or not subject.trunk.encoders:
        return
    for name, options in subject.recipe.tasks.items():
        for split in options.data if subject.data.tasks[name].reads_media else ():
            rows = [each for each in with_places(subject.data.source(name, split)) if each[0].media is not None]
            found = {each.id: _first_missing(shard, row, each) for shard, row, each in rows}
            lacking = [told for told in found.values() if told]
            message = f"media of {len(lacking)} of {len(rows)} annotations looked at cannot be read, such as "
            if lacking and len(lacking) == len(rows):
                place = ("tasks", name, "data", split)
                yield subject.document.problem(place, message + lacking[0], "say by `media` where they lie")
            elif lacking:
                limit = subject.recipe.data.bad_limit
                ends = f"; a run stops where more than `data.bad_limit: {limit:g}` are bad"
                more = ends if len(lacking) > limit * len(rows) else ""
                subject.notes.append(f"task {name!r}, split {split!r}: {message}{lacking[0]}{more}")


def _first_missing(shard: Shard, row: int, annotation: Annotation) -> str:
    """The first of an annotation's media that is not there; empty if all are."""
    sample = shard.sample(row)
    return next((field for field in annotation.media if shard.content(sample, field) is None), "")


def _left_unread(name: str, looked_at: Sequence[Annotation]) -> Iterator[str]:
    """A note on a task of text alone whose annotations name media."""
    if count := sum(bool(each.media) for each in looked_at):
        told = f"the media of {count} of {len(looked_at)} annotations looked at are not read"
        yield f"task {name!r} reads text alone: {told}"


@dataclass(frozen=True)
class _Room:
    """How many media of a kind the prompts of its modality take."""

    kind: str
    modality: str
    most: int


def _too_many(subject: Subject, name: str, counts: Sequence[int], room: _Room) -> Iterator[Problem]:
    beyond, kinds = sum(count > room.most for count in counts), f"{room.kind}s"
    if 0 < beyond < len(counts):
        ask = f"{beyond} of {len(counts)} annotations looked at have more {kinds} than the {room.most} that the prompt"
        subject.notes.append(f"task {name!r}: {ask} takes: {max(counts)} at most")
    elif beyond:
        message = f"annotations of task {name!r} have up to {max(counts)} {kinds}, and the prompt takes {room.most}"
        own = [each for each in prompts_of(subject.recipe) if name in each.tasks]
        limited = [each for each in own if hasattr(each.options, "images") and each.options.modality == room.modality]
        place = (*limited[0].place, "images") if limited else ("trunk", "prompt")
        yield subject.document.problem(place, message, "make room for them")


def unused_inputs(subject: Subject) -> Iterator[Problem]:
    """Every input reads something that none before it reads."""
    taken: set[str] = set()
    for number, each in enumerate(subject.data.inputs if subject.data else ()):
        if taken.issuperset(each.extensions):
            message = f"inputs before it read all that it reads: {', '.join(each.extensions)}"
            yield subject.document.problem(("inputs", number), message, "leave it out, or put it before them")
        taken.update(each.extensions)
