"""`question-lines`: a medium, a question and its answer in each line."""

import re
from collections.abc import Iterator
from pathlib import Path

from multigraft import Annotation, Dropped, OptionError, ScoredAnswer, Source
from multigraft_sample.options import QuestionLinesOptions

_LINE = re.compile(r"(\S+): (.+\?) (\S+)")


class QuestionLines(Source):
    """Media lie beside the first file."""

    def __init__(self, options: QuestionLinesOptions) -> None:
        self.files = tuple(map(Path, options.files))
        self.media, self.task = (self.files[0].parent,), options.task

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """One for each line."""
        for path in self.files:
            with path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines):
                    yield self._annotation(f"{path.stem}#{number}", line)

    def _annotation(self, name: str, line: str) -> Annotation | Dropped:
        found = _LINE.fullmatch(line.strip())
        if not found:
            return Dropped(name, "no question", line[:80])
        medium, text, answer = found.groups()
        return Annotation(id=name, task=self.task, text=text, answers=(ScoredAnswer(text=answer),), media=(medium,))


def build(options: QuestionLinesOptions) -> QuestionLines:
    """The source of a packing."""
    missing = next((place for place, name in enumerate(options.files) if not Path(name).is_file()), None)
    if missing is not None:
        raise OptionError(("files", missing), f"{options.files[missing]} is not there")
    return QuestionLines(options)
