"""Grafts of one trunk that stay in memory and answer questions about files, all of a call in one pass."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from multigraft.core.data.collate import collate
from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.file_media import FileMedia
from multigraft.core.evaluation.loaded import Loaded, load_all
from multigraft.core.evaluation.questions import Question, ask
from multigraft.core.evaluation.scoring import lost_texts
from multigraft.core.interfaces.objective import TaskBatch, TaskOutputs
from multigraft.core.model.devices import device_of
from multigraft.core.model.model import rows_of
from multigraft.core.model.rows import row_maker
from multigraft.core.model.together import run_together
from multigraft.core.registry.registry import Registry, default_registry
from multigraft.core.suggest import did_you_mean
from multigraft.core.types.sample import Sample, TextPair

if TYPE_CHECKING:
    from multigraft.core.types.media import Media
    from multigraft.core.types.prediction import Answer
    from multigraft.core.types.row import Row

Folder = Path | str
Found = TypeVar("Found")
Read = Callable[[Loaded, TaskBatch, TaskOutputs, Sequence[int]], Sequence[Found]]
"""What is made of rows of one task, given the numbers of their questions."""


@dataclass(frozen=True)
class Reply:
    """An answer, and what of the question the model did not see."""

    output: str
    cut: tuple[str, ...]
    """What the task's limits have cut: `context`, `choices`, `question`, `candidates`."""
    score: float | None = None
    """Log-probability of the output, where the task's evaluator computes that."""
    others: tuple["Answer", ...] = ()
    """Answers behind it with their log-probabilities, best first."""


@dataclass(frozen=True)
class Prepared:
    """A question whose files were read, ready for the trunk."""

    sample: Sample
    media: tuple[str, ...]
    """Keys of its media: equal files have equal ones."""


class Predictor:
    """Answers with saved grafts over one trunk; a context manager.

    Questions to all of the grafts and tasks go through the trunk together. A file is decoded once and, where no graft
    acts in the encoder, encoded once; the latest are kept, by their content.
    """

    def __init__(self, grafts: Mapping[str, Loaded]) -> None:
        self._grafts, self._media = dict(grafts), FileMedia()
        self._first = next(iter(self._grafts.values()))

    @classmethod
    def load(cls, folders: Mapping[str, Folder] | Folder, registry: Registry | None = None) -> "Predictor":
        """Load the newest graft of a run folder or an exported one; several by the names that questions give.

        Raises:
            MultigraftError: a folder without a graft, or grafts of different trunks or precisions.
        """
        named = folders if isinstance(folders, Mapping) else {"": folders}
        return cls(load_all({name: Path(folder) for name, folder in named.items()}, registry or default_registry()))

    def __enter__(self) -> "Predictor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that decode."""
        for graft in self._grafts.values():
            graft.reader.decoder.close()

    def answer(self, questions: Sequence[Question]) -> list[Reply]:
        """The answers, in the order of the questions.

        Raises:
            MultigraftError: as `prepare`, or a task whose evaluator gives no texts.
        """
        return self.answer_prepared([self.prepare(question) for question in questions])

    def prepare(self, question: Question) -> Prepared:
        """Read a question's files.

        Raises:
            MultigraftError: no such graft or task, a file that cannot be decoded, or a question that lacks what the
                task needs or has what it would ignore.
        """
        if question.graft not in self._grafts:
            raise MultigraftError(f"no graft named {question.graft!r}; {did_you_mean(question.graft, self._grafts)}")
        graft = self._grafts[question.graft]
        graft.saved.require(question.task)
        asked = ask(question, graft.tasks[question.task], graft.saved, graft.reader.inputs)
        read = [self._media.read(path, graft.reader) for path in question.media]
        prefix = graft.saved.recipe.tasks[question.task].prefix
        shown = replace(asked.example.with_prefix(prefix), target="", weight=1.0)
        media = tuple(medium for _, medium in read)
        self._refuse_lacking(graft, question, shown, media)
        sample = Sample(question.task, asked.annotation, shown, media, "files", question.graft)
        return Prepared(sample, tuple(key for key, _ in read))

    def _refuse_lacking(self, graft: Loaded, question: Question, shown: TextPair, media: Sequence["Media"]) -> None:
        name = f"task {question.task!r}"
        if lacking := graft.model.evaluators[question.task].lacks(shown):
            raise MultigraftError(f"{name}: its evaluator needs {lacking}, and the question has none")
        counts = Counter((medium.kind, medium.modality) for medium in media if medium.kind != "video")
        for (kind, modality), count in counts.items():
            most = graft.model.most_images(question.task).get(modality, count)
            if count > most:
                raise MultigraftError(f"{name}: {count} {kind}s, and the prompt has room for {most}")

    def answer_prepared(self, questions: Sequence[Prepared]) -> list[Reply]:
        """The answers to questions whose files were read.

        Raises:
            MultigraftError: a task whose evaluator gives no texts.
        """
        for each in questions:
            self.require_texts(each)
        found = self._ask(questions, lambda graft, rows, outputs, _: graft.said(rows, outputs))
        return [Reply(said.text, tuple(sorted(cut)), said.score, said.others) for said, cut in found]

    def require_texts(self, question: Prepared) -> None:
        """Refuse a question that no text answers.

        Raises:
            MultigraftError: the evaluator of its task gives none.
        """
        graft, task = self._grafts[question.sample.graft], question.sample.task
        if graft.model.evaluators[task].says != "texts":
            kind = graft.saved.recipe.tasks[task].evaluator.kind
            raise MultigraftError(f"task {task!r} has the evaluator `{kind}`, which answers no questions")

    @property
    def batch(self) -> int:
        """Questions that one pass has room for: the `eval.batch` of the first graft's recipe."""
        return self._first.saved.recipe.eval.batch

    def score(self, pairs: Sequence[tuple[Question, str]]) -> list[float]:
        """Log-probability of each text as the answer to its question; of a label where the task sorts into labels.

        Raises:
            MultigraftError: as `prepare`, or a text that is no label.
        """
        texts: dict[Question, list[str]] = {}
        for question, text in pairs:
            texts.setdefault(question, []).append(text)
        wanted = list(texts.values())
        found = self._ask(
            [self.prepare(question) for question in texts],
            lambda graft, rows, outputs, numbers: graft.scores(rows, outputs, [wanted[number] for number in numbers]),
        )
        scores = {question: iter(values) for question, (values, _) in zip(texts, found, strict=True)}
        return [next(scores[question]) for question, _ in pairs]

    def encode(self, questions: Sequence[Question]) -> list[dict[str, NDArray[np.float32]]]:
        """The vectors `(width,)` that each task's objective trains, by `text` and `media`.

        Raises:
            MultigraftError: as `prepare`, or an objective that trains none.
        """

        def vectors(
            graft: Loaded, rows: TaskBatch, outputs: TaskOutputs, numbers: Sequence[int]
        ) -> list[dict[str, NDArray[np.float32]]]:
            found = {name: value.float().cpu().numpy() for name, value in graft.features(rows, outputs).items()}
            return [{name: value[row] for name, value in found.items()} for row in range(len(rows.samples))]

        return [row for row, _ in self._ask([self.prepare(question) for question in questions], vectors)]

    def _ask(self, questions: Sequence[Prepared], read: "Read[Found]") -> list[tuple[Found, set[str]]]:
        """What `read` makes of each question's row, and what of it was cut, of one pass through the trunk."""
        if not questions:
            return []
        tasks = list(dict.fromkeys(question.sample.task for question in questions))
        own = [(question.sample.graft, tasks.index(question.sample.task)) for question in questions]
        numbers = sorted(range(len(questions)), key=lambda number: own[number])
        samples = self._with_tokens([questions[number] for number in numbers])
        batch = collate([row for name in self._grafts for row in self._rows(name, samples)], tasks).to(self._device)
        models = {name: each.model for name, each in self._grafts.items()}
        found: list[Found] = []
        with torch.no_grad(), self._first.model.computing(self._device):
            for segment, outputs in run_together(models, batch, training=False).items():
                asked = numbers[segment.start : segment.stop]
                found += read(self._grafts[segment.graft], rows_of(batch, segment), outputs, asked)
        cut = lost_texts(batch, lambda segment: models[segment.graft])
        made = dict(zip(numbers, zip(found, cut, strict=True), strict=True))
        return [made[number] for number in range(len(questions))]

    def _rows(self, name: str, samples: Sequence[Sample]) -> list["Row"]:
        """The rows of one graft, within the limits of its tasks."""
        graft = self._grafts[name]
        maker = row_maker(graft.model, graft.saved.recipe.tasks)
        return maker.rows([sample for sample in samples if sample.graft == name])

    def _with_tokens(self, questions: Sequence[Prepared]) -> list[Sample]:
        """The samples, with the encoders' tokens of each distinct medium where these are the same for all grafts."""
        model = self._first.model
        plain = [not self._grafts[each.sample.graft].reader.own_tokens for each in questions]
        shared = [each for each, is_plain in zip(questions, plain, strict=True) if is_plain]
        media = {key: one for each in shared for key, one in zip(each.media, each.sample.media, strict=True)}
        known = self._media.encoded(media, model.encoders, model.computing(self._device))
        return [
            replace(each.sample, media=tuple(known[key] for key in each.media)) if is_plain else each.sample
            for each, is_plain in zip(questions, plain, strict=True)
        ]

    @property
    def _device(self) -> torch.device:
        return device_of(self._first.saved.recipe.device)
