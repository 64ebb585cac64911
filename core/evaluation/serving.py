"""Answering questions about media that lie in files, not in shards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.evaluation.questions import Question, ask, input_of
from multigraft.core.evaluation.scoring import answered
from multigraft.core.graft.saving import load_graft
from multigraft.core.interfaces.input import Input
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.devices import device_of
from multigraft.core.model.trunk import build_trunk
from multigraft.core.registry.registry import Registry
from multigraft.core.run.artifact import Artifact
from multigraft.core.types.batch import Sample
from multigraft.core.types.media import Media
from multigraft.core.types.preparation import Preparation


@dataclass(frozen=True)
class Reply:
    """An answer, and what of the question the model did not see."""

    output: str
    cut: tuple[str, ...]
    """What the task's limits have cut: `context`, `choices`, `question`, `candidates`."""


def answer(saved: Artifact, question: Question, registry: Registry) -> str:
    """The answer of a saved graft; as `reply`."""
    return reply(saved, question, registry).output


def reply(saved: Artifact, question: Question, registry: Registry) -> Reply:
    """The answer of a saved graft, and what was cut.

    Raises:
        MultigraftError: no such task, a file that cannot be decoded, or a question that lacks what the task needs or
            has what it would ignore.
    """
    saved.require(question.task)
    options = saved.recipe.tasks[question.task]
    inputs: list[Input] = [registry.build("inputs", each) for each in saved.recipe.inputs]
    asked = ask(question, registry.build("tasks", options), saved, inputs)
    trunk = build_trunk(saved.recipe, registry)
    model = build_model(saved.recipe, registry, trunk, saved.tasks)
    device = device_of(saved.recipe.device)
    allocate(model, device)
    load_graft(saved.graft, model.graft.bank, trunk.fingerprints)
    media = decode_files(question.media, trunk.preparations, inputs, saved.recipe.data.deadline)
    shown = replace(asked.example.with_prefix(options.prefix), target="", weight=1.0)
    sample = Sample(question.task, asked.annotation, shown, media, "files")
    said, cut = answered(model, options, [sample], device)
    return Reply(said[0].text, tuple(sorted(cut[0])))


def decode_files(
    paths: Sequence[Path], preparations: Mapping[str, Preparation], inputs: Sequence[Input], deadline: float
) -> tuple[Media, ...]:
    """Decode each file with the input that reads its ending, for the encoder of its modality.

    Args:
        preparations: what the encoder of each modality wants.
        deadline: seconds that a file may take which is decoded in a process of its own.

    Raises:
        MultigraftError: a file that no input or no encoder reads, or that cannot be decoded.
    """
    decoder = MediaDecoder(inputs, preparations, DecodeWorkers(processes=1, deadline=deadline))
    try:
        return tuple(_decode(path, inputs, decoder) for path in paths)
    finally:
        decoder.close()


def _decode(path: Path, inputs: Sequence[Input], decoder: MediaDecoder) -> Media:
    input_of(path, inputs)
    try:
        return decoder.decode(path.suffix.lower(), path.read_bytes(), None, str(path))
    except OSError as error:
        raise MultigraftError(f"{path} cannot be read: {error.strerror}") from None
    except BadSample as error:
        raise MultigraftError(f"{path} cannot be decoded: {error}") from None
