"""Questions in a file, a JSON object in each line, answered into another one, which goes on where it was stopped."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.questions import Question
from multigraft.core.options.base import Section
from multigraft.core.options.words import told_of

if TYPE_CHECKING:
    from multigraft.core.evaluation.predictor import Predictor, Prepared


_BEGINNING = b'{"id": '
"""Of a line of answers."""


class QuestionLine(Section):
    """A line of a file of questions."""

    id: str | None = None
    """Name of the question; the number of its line if left out."""
    task: str
    """Which of the run's tasks."""
    text: str = ""
    """Question or statement, without the task's prefix."""
    media: list[str] = Field([])
    """Paths of files, from the folder of the file of questions on."""
    choices: list[str] = Field([])
    """Possible answers."""


@dataclass(frozen=True)
class BadLine:
    """A line that could not be answered."""

    number: int
    """From 1."""
    reason: str


@dataclass(frozen=True)
class _Ready:
    number: int
    name: str
    question: QuestionLine
    prepared: "Prepared"


class QuestionFile:
    """Lines of questions, and the file that their answers are appended to.

    Raises:
        MultigraftError: a file cannot be read, or `output` holds something else than answers.
    """

    def __init__(self, questions: Path, output: Path) -> None:
        self._folder, self._output = questions.parent, output
        try:
            self._lines = questions.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise MultigraftError(f"{questions} cannot be read: {error}") from None
        self.total = sum(bool(line.strip()) for line in self._lines)
        self.answered_before = frozenset(_answered(output))

    def answer(self, predictor: "Predictor", batch: int) -> Iterator[BadLine | int]:
        """Answer what has no answer yet; gives each bad line, and after each batch how many lines were answered.

        Raises:
            MultigraftError: the answers cannot be written.
        """
        rows = self._ready(predictor)
        while chunk := list(islice(rows, batch)):
            yield from (row for row in chunk if isinstance(row, BadLine))
            ready = [row for row in chunk if isinstance(row, _Ready)]
            replies = predictor.answer_prepared([row.prepared for row in ready]) if ready else []
            lines = [
                {"id": row.name, "task": row.question.task, "output": reply.output, "score": reply.score}
                | {"others": [[other.text, other.score] for other in reply.others], "cut": list(reply.cut)}
                for row, reply in zip(ready, replies, strict=True)
            ]
            _append(self._output, lines)
            yield len(lines)

    def _ready(self, predictor: "Predictor") -> Iterator[_Ready | BadLine]:
        seen: set[str] = set()
        for number, line in enumerate(self._lines, 1):
            if not line.strip():
                continue
            try:
                question = _parsed(line)
                name = question.id or str(number)
                if name in seen:
                    raise MultigraftError(f"id {name!r} stands in an earlier line too")
                seen.add(name)
                if name not in self.answered_before:
                    yield _Ready(number, name, question, self._prepared(predictor, question))
            except MultigraftError as error:
                yield BadLine(number, str(error))

    def _prepared(self, predictor: "Predictor", line: QuestionLine) -> "Prepared":
        media = tuple(self._folder / path for path in line.media)
        prepared = predictor.prepare(Question(line.task, line.text, media, tuple(line.choices)))
        predictor.require_texts(prepared)
        return prepared


def _parsed(line: str) -> QuestionLine:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MultigraftError(f"it is no JSON: {error}") from None
    try:
        return QuestionLine.model_validate(given)
    except ValidationError as error:
        told = told_of(error, given) if isinstance(given, dict) else "it is no mapping of keys"
        raise MultigraftError(told) from None


def _answered(output: Path) -> Iterator[str]:
    """Ids that an earlier call has answered; half a line, which a killed one left, is cut off."""
    if not output.exists():
        return
    try:
        written = output.read_bytes()
        whole = written[: written.rfind(b"\n") + 1]
        if not _begins_answer(written[len(whole) :]):
            raise ValueError
        found = [json.loads(line) for line in whole.splitlines()]
        names = [str(row["id"]) for row in found if isinstance(row["output"], str)]
        if whole != written:
            with output.open("r+b") as file:
                file.truncate(len(whole))
    except OSError as error:
        raise MultigraftError(f"{output} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise MultigraftError(f"{output} holds something else than answers; name another file") from None
    yield from names


def _begins_answer(half: bytes) -> bool:
    """Whether half a line may be one that `_append` was writing."""
    return half[: len(_BEGINNING)] == _BEGINNING[: len(half)]


def _append(output: Path, rows: Sequence[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        with output.open("ab") as file:
            file.write(text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise MultigraftError(f"{output} cannot be written: {error.strerror}") from None
