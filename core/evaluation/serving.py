"""Answering questions about media that lie in files, not in shards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from multigraft.core.assembly import allocate, build_model, build_trunk
from multigraft.core.data.annotation import Annotation
from multigraft.core.data.batch import Sample
from multigraft.core.data.isolated import IsolatedDecoders, Job
from multigraft.core.data.media import BadSample, Media
from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.evaluate import answers
from multigraft.core.graft.files import load_graft
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.input import Input
from multigraft.core.interfaces.task import Task
from multigraft.core.registry import Registry
from multigraft.core.training.saved import Saved


@dataclass(frozen=True)
class Question:
    """What is asked about which files."""

    task: str
    text: str = ""
    media: tuple[Path, ...] = ()
    choices: tuple[str, ...] = ()


def answer(saved: Saved, question: Question, registry: Registry) -> str:
    """The answer of a saved graft.

    Raises:
        MultigraftError: no such task, a file that cannot be decoded, or a question that lacks what the task needs.
    """
    saved.require(question.task)
    task: Task = registry.build("tasks", saved.recipe.tasks[question.task])
    _check_media(question, task, saved)
    trunk = build_trunk(saved.recipe, registry)
    model = build_model(saved.recipe, registry, trunk, saved.tasks)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    allocate(model, device)
    load_graft(saved.graft, model.graft.bank, trunk.fingerprints())
    media = decode_files(question.media, trunk.encoder, saved, registry) if trunk.encoder else ()
    sample = _sample(saved, question, media, task)
    return answers(model, saved.recipe.tasks[question.task], [sample], device)[0]


def decode_files(paths: Sequence[Path], encoder: VisualEncoder, saved: Saved, registry: Registry) -> tuple[Media, ...]:
    """Decode each file with the input that reads its ending."""
    inputs: list[Input] = [registry.build("inputs", options) for options in saved.recipe.inputs]
    isolated = {number: each for number, each in enumerate(inputs) if each.isolated}
    decoders = IsolatedDecoders(isolated, 1, saved.recipe.data.deadline)
    try:
        return tuple(_decode(path, inputs, encoder, decoders) for path in paths)
    finally:
        decoders.close()


def _decode(path: Path, inputs: Sequence[Input], encoder: VisualEncoder, decoders: IsolatedDecoders) -> Media:
    ending = path.suffix.removeprefix(".").lower()
    number = next((number for number, each in enumerate(inputs) if ending in each.extensions), None)
    if number is None:
        known = ", ".join(ending for each in inputs for ending in each.extensions)
        raise MultigraftError(f"{path}: no input reads .{ending}; known: {known}")
    try:
        data = path.read_bytes()
        if inputs[number].isolated:
            return decoders.decode(Job(number, encoder.transform, None, str(path)), data)
        return inputs[number].decode(data, encoder.transform, None)
    except OSError as error:
        raise MultigraftError(f"{path} cannot be read: {error.strerror}") from None
    except BadSample as error:
        raise MultigraftError(f"{path} cannot be decoded: {error}") from None


def _check_media(question: Question, task: Task, saved: Saved) -> None:
    has_encoder = saved.recipe.trunk.encoder is not None
    if question.media and not has_encoder:
        raise MultigraftError(f"{saved.folder} has no visual encoder and cannot look at {question.media[0]}")
    if has_encoder and task.reads_media and not question.media:
        raise MultigraftError(f"task {question.task!r} reads media and was given none; give `--image` or `--video`")


def _sample(saved: Saved, question: Question, media: tuple[Media, ...], task: Task) -> Sample:
    options = saved.recipe.tasks[question.task]
    fields = tuple(str(path) for path in question.media)
    annotation = Annotation(
        id="question", task=question.task, text=question.text, choices=question.choices, media=fields
    )
    try:
        example = task.ask(annotation)
    except BadSample as error:
        raise MultigraftError(f"task '{question.task}': {error}") from None
    shown = replace(example.with_prefix(options.prefix), target="", weight=1.0)
    return Sample(question.task, annotation, shown, media, "files")
