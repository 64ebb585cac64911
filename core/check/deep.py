"""The checks of a recipe that build things: its trunk on the meta device, its shards, its components, its graft."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from multigraft.core.check.subject import Subject
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.errors import MultigraftError, OptionError, below
from multigraft.core.evaluation.controls import CONTROLS
from multigraft.core.graft.attach import Method
from multigraft.core.graft.starting import would_start
from multigraft.core.interfaces.encoder import Encoder
from multigraft.core.interfaces.sharing import Sharing
from multigraft.core.model.build import build_evaluator, writing
from multigraft.core.model.devices import check_device
from multigraft.core.model.methods import build_method, method_errors
from multigraft.core.model.objectives import build_objectives
from multigraft.core.model.summary import summarize_model
from multigraft.core.model.trunk import Trunk, build_backbone, build_encoder, pooled_as_stored
from multigraft.core.options.base import Options
from multigraft.core.options.options import AdapterOptions, Decoding, TaskOptions
from multigraft.core.recipe.components import Location, walk
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.spans import spans
from multigraft.core.recipe.splits import TRAIN, final_split, splits_of
from multigraft.core.run.data_files import will_be_made
from multigraft.core.run.run_data import RunData
from multigraft.core.run.run_folder import start_graft
from multigraft.core.suggest import did_you_mean


class _Tries:
    """Keeps what goes wrong as problems at their places."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.problems: list[Problem] = []

    @contextmanager
    def at(self, *location: str | int) -> Iterator[None]:
        """What fails in here is a problem of that place; the program goes on behind it."""
        try:
            with below(*location):
                yield
        except OptionError as error:
            self.problems.append(self._subject.problem(error))
        except Exception as error:  # of the libraries and plugins that build something
            told = f"{type(error).__name__}: {error}".partition("\n")[0]
            self.problems.append(self._subject.document.problem(location, f"cannot be built: {told}"))


def trunk(subject: Subject) -> Iterator[Problem]:
    """Backbone and encoders can be built; no weights are loaded."""
    tries, backbone = _Tries(subject), None
    encoders: dict[str, Encoder] = {}
    with tries.at("trunk", "backbone"):
        backbone = build_backbone(subject.recipe, subject.registry, on_meta_device=True)
    for modality in subject.recipe.trunk.modalities:
        with tries.at("trunk", *subject.recipe.trunk.place(modality)):
            encoders[modality] = build_encoder(subject.recipe, subject.registry, modality, on_meta_device=True)
    for modality, encoder in encoders.items():
        with tries.at():
            encoders[modality] = pooled_as_stored(subject.recipe, modality, encoder)
    if backbone and not tries.problems:
        with tries.at("trunk"):
            subject.trunk = Trunk.of(backbone, encoders)
        for name in subject.recipe.tasks:
            with tries.at():
                subject.writing[name] = writing(backbone, subject.recipe, name)
    yield from tries.problems


def shards(subject: Subject) -> Iterator[Problem]:
    """The shards of every split hold annotations of their task; nothing to see where a command will make them."""
    recipe, tries = subject.recipe, _Tries(subject)
    if will_be_made(recipe):
        return
    data = RunData(recipe, subject.registry, {}, SkippedLog(None, 1.0))
    for name, task in recipe.tasks.items():
        with tries.at("tasks", name, "data"):
            wrong = list(_of_no_annotation(subject, name, data))
            tries.problems += wrong
            for split in task.data if not wrong else ():
                with tries.at("tasks", name, "data", split):
                    data.source(name, split)
    yield from tries.problems
    if tries.problems:
        subject.notes.extend(_left_in_shards(data.log))
    else:
        subject.data = data
        subject.notes += data.problem_lines(splits_of(recipe))


def _left_in_shards(log: SkippedLog) -> Iterator[str]:
    """What the indices of the shards could not use, by reason, with the first of each."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for entry in log.listed:
        first.setdefault(entry.reason, f"{entry.shard}#{entry.key}: {entry.detail}")
        counts[entry.reason] += entry.count
    for reason, count in counts.items():
        yield f"{count} x {reason} in the shards, such as {first[reason]}"


def _of_no_annotation(subject: Subject, name: str, data: RunData) -> Iterator[Problem]:
    """Values of `annotations` and `sources` that no annotation in the task's shards has."""
    options = subject.recipe.tasks[name]
    given: list[tuple[str, Location, str]] = []
    if options.annotations is not None:
        given.append(("task", ("annotations",), options.annotations))
    given += [("source", ("sources", number), each) for number, each in enumerate(options.sources or ())]
    indices = [shard.index for shard in data.shards(name)] if given else []
    known = {
        "task": {each for index in indices for each in index.head.tasks},
        "source": {each for index in indices for each in index.head.sources},
    }
    for what, place, value in given:
        if value not in known[what]:
            message = f"no annotation in the shards of the task has the {what} {value!r}"
            yield subject.document.problem(("tasks", name, *place), message, did_you_mean(value, known[what]))


def components(subject: Subject) -> Iterator[Problem]:
    """Metrics and the sampler can be built."""
    recipe, registry, tries = subject.recipe, subject.registry, _Tries(subject)
    for name, task in recipe.tasks.items():
        for number, metric in enumerate(task.metrics):
            with tries.at("tasks", name, "metrics", number):
                registry.build("metrics", metric)
    if subject.data:
        sizes = {name: subject.data.source(name, TRAIN).size for name in recipe.tasks}
        for span in spans(recipe.train):
            own = {name: sizes[name] for name in span.of(sizes)}
            staged = bool(recipe.train.stages) and recipe.train.stages[span.number - 1].sampler is not None
            with tries.at("train", *(("stages", span.number - 1) if staged else ()), "sampler"):
                registry.build("samplers", span.sampler, sizes=own, batch=recipe.train.batch, seed=0)
    yield from tries.problems


def adapters(subject: Subject) -> Iterator[Problem]:
    """Adapters find their sites, and no value of `sites` or of a sharing rule is without effect."""
    recipe, registry, tries = subject.recipe, subject.registry, _Tries(subject)
    if subject.trunk is None:
        return
    methods: dict[int, Method] = {}
    for number in range(len(recipe.graft.adapters)):
        found = [subject.problem(error) for error in method_errors(recipe, registry, subject.trunk, number)]
        tries.problems += found
        if not found:
            with tries.at():
                methods[number] = build_method(recipe, registry, subject.trunk, number)
    yield from _unused_rule(subject)
    yield from _unused_values(subject, methods)
    yield from tries.problems


def tasks(subject: Subject) -> Iterator[Problem]:
    """Each task's objective can work over the backbone, and its evaluator with the objective."""
    tries = _Tries(subject)
    if subject.trunk is None:
        return
    given = subject.recipe, subject.registry, subject.trunk.backbone
    for name, task in subject.recipe.tasks.items():
        with tries.at():
            objectives = build_objectives(*given, name)
            evaluator = build_evaluator(*given, name, objectives)
            needs = {*evaluator.needs, *(need for each in objectives for need in each.needs)}
            subject.says[name] = evaluator.says
            subject.outputs[name] = _most_output(task, {need.what for need in needs})
    yield from tries.problems


def _most_output(task: TaskOptions, reads: Collection[str]) -> int:
    """Tokens that are predicted behind a text, at most."""
    decoded = task.evaluator.max_tokens if isinstance(task.evaluator, Decoding) else 0
    return max(task.target_limit, decoded) if {"targets", "beginning"} & set(reads) else 0


def _unused_rule(subject: Subject) -> Iterator[Problem]:
    """A rule for all adapters where each has its own, or where there are none; one for trunk tensors that nobody trains
    by themselves."""
    graft, trained = subject.recipe.graft, subject.recipe.graft.train
    if _shares_otherwise(graft.sharing) and all(each.sharing for each in graft.adapters):
        yield subject.document.problem(("graft", "sharing"), "no adapter goes by this rule", "leave it out")
    if _shares_otherwise(trained.sharing) and (trained.backbone or not (trained.norms or trained.biases)):
        message = "it is for `norms` and `biases`; " + (
            "the whole backbone is shared by all tasks" if trained.backbone else "neither is trained"
        )
        yield subject.document.problem(("graft", "train", "sharing"), message, "leave it out")


def _shares_otherwise(rule: Options) -> bool:
    """Whether a rule is another than the one that holds if nothing is said."""
    return rule.kind.rpartition("/")[2] != "single"


def _unused_values(subject: Subject, methods: dict[int, Method]) -> Iterator[Problem]:
    """Values in the options of sharing rules that fit no part of any adapter that goes by them, and in those of
    adapters that change nothing at their sites."""
    parts: dict[Location, set[str]] = defaultdict(set)
    rules: dict[Location, Sharing] = {}
    for number, method in methods.items():
        own = subject.recipe.graft.adapters[number].sharing
        place: Location = ("graft", "adapters", number, "sharing") if own else ("graft", "sharing")
        rules[place] = method.sharing
        parts[place] |= {part.name for site in method.sites for part in method.parts(site)}
    for place, rule in rules.items():
        for value in rule.unused(sorted(parts[place])):
            hint = did_you_mean(value, parts[place])
            message = f"{value!r} fits no part of these adapters"
            yield subject.document.problem(_place_of(value, place, subject), message, hint)
    for number, method in methods.items():
        place = ("graft", "adapters", number)
        for value in method.adapter.unused(method.sites) if method.adapter else ():
            message = f"{value!r} changes nothing at the sites of this adapter"
            yield subject.document.problem(_place_of(value, place, subject), message, "leave it out")


def _place_of(value: str, place: Location, subject: Subject) -> Location:
    """Where a value stands in the options of the component at a place; that place if it is not found there."""
    common = {(*place, key) for key in AdapterOptions.model_fields}
    for found in walk(subject.recipe):
        inside = found.location[: len(place)] == place and found.location[: len(place) + 1] not in common
        if inside and found.value == value:
            return found.location
    return place


def controls(subject: Subject) -> Iterator[Problem]:
    """Each control changes something for some task that is scored."""
    recipe, data, split = subject.recipe, subject.data, final_split(subject.recipe)
    scored = [name for name, task in recipe.tasks.items() if split in task.data]
    if not scored or data is None:
        return
    looking = [name for name in scored if recipe.trunk.modalities and data.tasks[name].reads_media]
    for number, name in enumerate(recipe.eval.controls):
        control, message = CONTROLS[name], ""
        if control.frames and not any(data.has_kind(task, split, "video") for task in looking):
            message = f"{name} fits no task: none has videos in its split {split!r}"
        elif control.media != "own" and not looking:
            message = f"{name} fits no task: none looks at media"
        elif control.media == "none" and all(subject.says.get(task) == "features" for task in looking):
            message = f"{name} fits no task: their evaluators hold texts against media"
        if message:
            yield subject.document.problem(("eval", "controls", number), message, "leave it out")


def start(subject: Subject) -> Iterator[Problem]:
    """Something of the graft that training begins from fits; what does is noted."""
    said = subject.recipe.graft.start
    if said is None or subject.summary is None:
        return
    try:
        found = would_start(start_graft(said, subject.document.path.parent), subject.summary.trained)
        subject.notes += [f"{said}: {line}" for line in found.lines()]
    except MultigraftError as error:
        yield subject.document.problem(("graft", "start"), str(error))


def device(subject: Subject) -> Iterator[Problem]:
    """Note a device that is not on this machine: another one may train the recipe."""
    try:
        check_device(subject.recipe.device)
    except MultigraftError as error:
        subject.notes.append(str(error))
    return iter(())


def graft(subject: Subject) -> Iterator[Problem]:
    """The whole graft can be planned."""
    tries = _Tries(subject)
    if subject.trunk:
        with tries.at():
            subject.summary = summarize_model(subject.recipe, subject.registry, subject.trunk)
    yield from tries.problems
