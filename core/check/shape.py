"""The checks of a recipe that import nothing heavy: what it needs is there, and every name in it means something."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from multigraft.core.check.subject import Subject
from multigraft.core.errors import MultigraftError
from multigraft.core.options.names import Given, Refers, SourceText, same_file
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.recipe.components import Location, components_of, walk
from multigraft.core.recipe.method_names import is_taken, method_name
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.recipe import CONTROL_NAMES
from multigraft.core.recipe.spans import spans
from multigraft.core.recipe.splits import TRAIN, scorable, splits_of, unscored
from multigraft.core.registry.registry import missing_requirement
from multigraft.core.run.data_files import missing_files, named_command
from multigraft.core.run.pack_command import pack_command
from multigraft.core.run.run_folder import start_graft
from multigraft.core.suggest import did_you_mean


def requirements(subject: Subject) -> Iterator[Problem]:
    """What the recipe's components need is installed."""
    for used in components_of(subject.recipe):
        missing = missing_requirement(subject.registry.component(used.kind, used.options))
        if missing:
            yield subject.document.problem(used.location, missing)


def data_files(subject: Subject) -> Iterator[Problem]:
    """The shards of all tasks are there, or will be made by the recipe's own command."""
    return missing_files(subject.recipe, subject.document)


def weight_files(subject: Subject) -> Iterator[Problem]:
    """Weights and tokenizers that are named by a path are there."""
    for found in walk(subject.recipe):
        text = found.value if found.mark(SourceText) and isinstance(found.value, str) else ""
        scheme, _, path = text.partition(":")
        if scheme == "path" and not Path(path).expanduser().exists():
            yield subject.document.problem(found.location, f"there is no file or folder {path}")


def saved_start(subject: Subject) -> Iterator[Problem]:
    """The graft that training begins from is there; a run that goes on has a copy beside its recipe."""
    start = subject.recipe.graft.start
    try:
        if start is not None:
            start_graft(start, subject.document.path.parent)
    except MultigraftError as error:
        yield subject.document.problem(("graft", "start"), str(error))


def references(subject: Subject) -> Iterator[Problem]:
    """Every text that is marked as the name of something is the name of such a thing."""
    recipe = subject.recipe
    known: dict[str, Collection[str]] = {"task": recipe.tasks, "split": scorable(recipe), "control": CONTROL_NAMES}
    for found in walk(recipe):
        mark = found.mark(Refers) if isinstance(found.value, str) else None
        if mark is not None and found.value not in known[mark.what]:
            hint = did_you_mean(found.value, known[mark.what])
            yield subject.document.problem(found.location, f"no {mark.what} named {found.value!r}", hint, found.is_key)


def given_names(subject: Subject) -> Iterator[Problem]:
    """Names that become names of files are no two for one file."""
    given: dict[Location, dict[str, Location]] = defaultdict(dict)
    for found in walk(subject.recipe):
        if found.mark(Given) and isinstance(found.value, str):
            place = found.location[:-1] if found.is_key else tuple(s for s in found.location if isinstance(s, str))
            given[place].setdefault(found.value, found.location)
    for names in given.values():
        for first, second in same_file(names):
            message = f"{second!r} and {first!r} are one name where case does not count, as in files"
            yield subject.document.problem(names[second], message, "use another name", at_key=True)


def adapter_names(subject: Subject) -> Iterator[Problem]:
    """No adapter has the name of another, or one that the graft uses itself."""
    seen: set[str] = set()
    for number, options in enumerate(subject.recipe.graft.adapters):
        name = method_name(options)
        location: Location = ("graft", "adapters", number, *(("name",) if options.name else ()))
        if name in seen:
            yield subject.document.problem(location, f"two adapters are called {name!r}", "give one of them a `name`")
        elif is_taken(name):
            yield subject.document.problem(location, f"{name!r} is a name of the graft's own", "use another name")
        seen.add(name)


def splits(subject: Subject) -> Iterator[Problem]:
    """Every task has data to learn from; tasks that will have no score are noted."""
    recipe = subject.recipe
    for name, task in recipe.tasks.items():
        if TRAIN not in task.data:
            hint = did_you_mean(TRAIN, task.data)
            yield subject.document.problem(("tasks", name, "data"), f"no split {TRAIN!r} to learn from", hint, True)
    if set(splits_of(recipe)) == {TRAIN}:
        subject.notes.append("nothing will be scored, as `data` has the split 'train' alone")
    else:
        subject.notes.extend(unscored(recipe))


def stored_features(subject: Subject) -> Iterator[Problem]:
    """No features are to be stored of media that lie in no shard: these may change under their names."""
    if not (subject.recipe.data.features and subject.recipe.trunk.modalities):
        return
    for name, task in subject.recipe.tasks.items():
        for split, entries in task.data.items():
            for entry in entries:
                if isinstance(entry, SourceOptions):
                    message = f"features are stored of packed media alone, and tasks.{name}.data.{split} has a source"
                    hint = f"pack it first: {pack_command(entry, task, split)}"
                    yield subject.document.problem(("data", "features"), message, hint)


def command(subject: Subject) -> Iterator[Problem]:
    """The command that makes the data is there."""
    wanted, commands = subject.recipe.data.make, subject.registry.commands
    if wanted is not None and named_command(wanted, commands) is None:
        hint = did_you_mean(wanted, [" ".join(each.path) for each in commands])
        yield subject.document.problem(("data", "make"), f"no command {wanted!r}", hint)


def loggers(subject: Subject) -> Iterator[Problem]:
    """No logger is given twice: both would write one file."""
    given = subject.recipe.loggers
    for number, each in enumerate(given):
        if each in given[:number]:
            yield subject.document.problem(("loggers", number), f"{each.kind!r} is given twice", "leave it out")


def unused(subject: Subject) -> Iterator[Problem]:
    """Note keys that are given and have no effect."""
    recipe = subject.recipe
    steps, every = recipe.train.steps, recipe.eval.every
    no_effect = {
        "`data.features` has no effect without `trunk.encoder`": recipe.data.features and not recipe.trunk.modalities,
        f"`eval.every: {every}` is more than the {steps} steps: only the end is scored": every and 0 < steps < every,
        "`eval.limit` has no effect without `eval.every`: the end has its own": recipe.eval.limit and not every,
    }
    subject.notes += [note for note, holds in no_effect.items() if holds]
    drawn = {name for span in spans(recipe.train) for name in span.of(recipe.tasks)}
    subject.notes += [
        f"task {name!r} is in no stage: it is scored, not learned" for name in recipe.tasks if name not in drawn
    ]
    return iter(())
