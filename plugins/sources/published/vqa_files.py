"""The files of VQA 2.0 (Goyal et al. 2017; visualqa.org/download).

Questions are `{"data_subtype": "val2014", "questions": [{"question_id", "image_id", "question"}]}`, annotations
`{"data_subtype": "val2014", "annotations": [{"question_id", "answer_type", "multiple_choice_answer", "answers":
[{"answer"}, ...]}]}`, of ten annotators each.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multigraft import MultigraftError, OptionError
from multigraft.plugins.sources.json_text import object_members

_LISTS = ("questions", "annotations")


@dataclass(frozen=True)
class Annotated:
    """What annotators said about a question."""

    type: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class VqaFiles:
    """Files by what they hold."""

    questions: tuple[Path, ...]
    annotations: tuple[Path, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "VqaFiles":
        """Tell files apart by their keys.

        Raises:
            OptionError: one is neither, or there are no questions.
            MultigraftError: one is no JSON object.
        """
        held: dict[str, list[Path]] = {name: [] for name in _LISTS}
        for place, path in enumerate(paths):
            key = next((key for key, _ in object_members(path, apart=True) if key in _LISTS), None)
            if key is None:
                raise OptionError(("files", place), f"{path} has neither `questions` nor `annotations`")
            held[key].append(path)
        if not held["questions"]:
            raise OptionError(("files",), "there are annotations alone: give the file of their questions too")
        return cls(tuple(held["questions"]), tuple(held["annotations"]))

    def annotated(self) -> dict[int, Annotated]:
        """What annotators said, by question; annotations of another form are left out, and so their questions have
        none."""
        found: dict[int, Annotated] = {}
        for path in self.annotations:
            for value in items(path, "annotations"):
                read = _annotated(value)
                if read is not None:
                    found[value["question_id"]] = read
        return found


def items(path: Path, name: str) -> Iterator[Any]:
    """The items of a list of a file."""
    return (value for key, value in object_members(path, apart=True) if key == name)


def subset_of(path: Path) -> str:
    """Which pictures of COCO a file is about, such as `val2014`.

    Raises:
        MultigraftError: it does not say.
    """
    for key, value in object_members(path, apart=True):
        if key == "data_subtype" and isinstance(value, str):
            return value.replace("-dev", "")
    raise MultigraftError(f"{path}: it has no `data_subtype`, by which its pictures are called")


def _annotated(value: Any) -> Annotated | None:
    try:
        texts = tuple(sys.intern(each["answer"]) for each in value["answers"])
        kind = value.get("answer_type", "")
        return Annotated(sys.intern(kind), texts) if isinstance(value["question_id"], int) else None
    except (KeyError, TypeError):
        return None
