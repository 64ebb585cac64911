"""Questions about files: whether a task takes all that is asked with, and what it takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.input import Input
from multigraft.core.interfaces.task import Task
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.sample import TextPair

if TYPE_CHECKING:
    from multigraft.core.run.artifact import Artifact

_FLAGS = {"image": "`--image`", "video": "`--video`", "audio": "`--audio`"}
_TIMES = {1: "once", 2: "twice"}
_MOST = 4
"""Media and choices that a task is tried with, to say how many it takes."""


@dataclass(frozen=True)
class Question:
    """What is asked about which files."""

    task: str
    text: str = ""
    media: tuple[Path, ...] = ()
    choices: tuple[str, ...] = ()
    graft: str = ""
    """Which of several grafts is asked, by the name that it was loaded with."""


@dataclass(frozen=True)
class Asked:
    """A question that its task takes."""

    annotation: Annotation
    example: TextPair
    """Without the recipe's prefix."""


def ask(question: Question, task: Task, saved: "Artifact", inputs: Sequence[Input]) -> Asked:
    """What the task makes of a question.

    Raises:
        MultigraftError: it lacks what the task needs, or has what the task would ignore; with what the task takes.
    """
    annotation = _annotation(question.task, question.text, question.choices, question.media)
    wrong = next(_wrong_media(question, task, saved, inputs), "")
    example = TextPair("", "")
    if not wrong:
        try:
            example = task.ask(annotation)
            wrong = next(_ignored(annotation, example, task), "")
        except BadSample as error:
            wrong = f"task {question.task!r}: {error}"
    if wrong:
        takes = what_it_takes(question.task, task, _kinds(question.task, task, saved, inputs))
        raise MultigraftError(f"{wrong}; it takes {takes}")
    return Asked(annotation, example)


def input_of(path: Path, inputs: Sequence[Input]) -> int:
    """Number of the input that reads a file's ending.

    Raises:
        MultigraftError: none does.
    """
    ending = path.suffix.removeprefix(".").lower()
    for number, each in enumerate(inputs):
        if ending in each.extensions:
            return number
    known = ", ".join(ending for each in inputs for ending in each.extensions)
    told = f".{ending}" if ending else "a file without an ending"
    raise MultigraftError(f"{path}: no input reads {told}; known: {known}")


def what_it_takes(name: str, task: Task, kinds: Sequence[str]) -> str:
    """In words for the command line, found by asking the task with more and with less."""
    every = [(media, choices) for media in range(_MOST + 1) for choices in range(_MOST + 1)]
    texts = {pair: _tried(name, task, "?", *pair) for pair in every}
    taken = [pair for pair in every if texts[pair]] or [(0, 0)]
    media, choices = taken[-1]
    fewest = min(number for _, number in taken)
    parts = []
    if texts[media, choices] != _tried(name, task, "", media, choices):
        parts.append("`--text`")
    if texts[media, choices] != texts.get((media, 0)):
        parts.append(f"`--choice` {_TIMES.get(fewest, f'{fewest} times')} or more" if fewest else "`--choice`")
    if kinds:
        numbers = {number for number, _ in taken if number}
        only = next(iter(numbers)) if len(numbers) == 1 else 0
        flags = " or ".join(_FLAGS.get(kind, f"files of kind {kind}") for kind in kinds)
        parts.append(f"{flags} {_TIMES.get(only, f'{only} times')}" if only else flags)
    return " and ".join(parts) or "nothing but its name"


def _kinds(name: str, task: Task, saved: "Artifact", inputs: Sequence[Input]) -> list[str]:
    """The kinds of media that a task looks at here: those it was trained on, where that is known."""
    modalities = saved.recipe.trunk.modalities
    readable = list(dict.fromkeys(each.kind for each in inputs if each.modality in modalities))
    if not readable or not task.reads_media:
        return []
    return [kind for kind in readable if kind in saved.media.get(name, readable)] or readable


def _wrong_media(question: Question, task: Task, saved: "Artifact", inputs: Sequence[Input]) -> Iterator[str]:
    name = f"task {question.task!r}"
    for path in question.media:
        modality = inputs[input_of(path, inputs)].modality
        if modality not in saved.recipe.trunk.modalities:
            yield f"{saved.folder} has no {modality} encoder and cannot read {path}"
    if question.media and not task.reads_media:
        yield f"{name} reads text alone and would ignore {question.media[0]}"
    kinds = _kinds(question.task, task, saved, inputs)
    for path in question.media:
        kind = inputs[input_of(path, inputs)].kind
        if kind not in kinds:
            known = " and ".join(f"{each}s" for each in kinds)
            yield f"{name} was trained on {known} alone, and {path} is of kind {kind}"
    if kinds and not question.media:
        yield f"{name} reads media and was given none"


def _ignored(annotation: Annotation, example: TextPair, task: Task) -> Iterator[str]:
    """What is given and changes nothing."""
    if annotation.text.strip() and _same(annotation, {"text": ""}, example, task):
        yield f"task {annotation.task!r} would ignore the text {annotation.text!r}"
    if annotation.choices and _same(annotation, {"choices": ()}, example, task):
        yield f"task {annotation.task!r} would ignore the choices {', '.join(map(repr, annotation.choices))}"


def _same(annotation: Annotation, without: dict[str, object], example: TextPair, task: Task) -> bool:
    try:
        return task.ask(annotation.model_copy(update=without)) == example
    except BadSample:
        return False


def _tried(name: str, task: Task, text: str, media: int, choices: int) -> TextPair | None:
    words = tuple(f"choice {number}" for number in range(choices))
    files = tuple(Path(f"{number}") for number in range(media))
    try:
        return replace(task.ask(_annotation(name, text, words, files)), target="")
    except Exception:  # a third party's task may fail in any way on what it does not take
        return None


def _annotation(task: str, text: str, choices: tuple[str, ...], media: Sequence[Path]) -> Annotation:
    return Annotation(id="question", task=task, text=text, choices=choices, media=tuple(map(str, media)))
