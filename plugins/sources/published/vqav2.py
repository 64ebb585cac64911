"""`vqav2`: questions about pictures of COCO with the answers of ten annotators (Goyal et al. 2017)."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from multigraft import Annotation, BadSample, Dropped, MultigraftError, Source
from multigraft.plugins.sources.annotating import annotation_of
from multigraft.plugins.sources.files import existing_files, labels
from multigraft.plugins.sources.published.karpathy import split_of_pictures
from multigraft.plugins.sources.published.options import HELD_OUT, Vqav2Options
from multigraft.plugins.sources.published.rows import text_at
from multigraft.plugins.sources.published.vqa_answers import frequent_answers, listed_answers, soft_answers
from multigraft.plugins.sources.published.vqa_files import Annotated, VqaFiles, items, subset_of

Takes = Callable[[str, int], bool]
"""Whether a picture, by its subset and number, is of the splits that are wanted."""
_TRAINING, _VALIDATION = "train2014", "val2014"


class Vqav2Source(Source):
    """An annotation for each question, with the answers of the list scored softly and all ten as references.

    Answers are scored by how many annotators gave them (1, 2, 3, 4 or more: 0.3, 0.6, 0.9, 1); the type is
    `answer_type`. Pictures lie beside the first file.
    """

    def __init__(self, options: Vqav2Options) -> None:
        self._options = options
        self.files = tuple(existing_files(options.files))
        self.media = (self.files[0].parent,)
        self._read = VqaFiles.of(self.files)
        self._listed = listed_answers(Path(options.answers)) if options.answers else None

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Annotations with the ids `vqav2#QUESTION`, in the order of the questions.

        Raises:
            MultigraftError: a file has not the published form, or there is no list of answers.
        """
        said = {subset_of(path) for path in self._read.annotations}
        self._check_annotated(said)
        takes, annotated, known = self._takes(), self._read.annotated(), self._known()
        for path, label in zip(self._read.questions, labels(self._read.questions), strict=True):
            subset = subset_of(path)
            for number, values in enumerate(items(path, "questions")):
                try:
                    question, picture = _number_at(values, "question_id"), _number_at(values, "image_id")
                    if takes(subset, picture):
                        answers = annotated.get(question)
                        if answers is None and subset in said:
                            raise BadSample("no answers", f"question {question} is in no annotations of {subset}")
                        yield self._annotation(values, subset, answers or Annotated("", ()), known)
                except BadSample as error:
                    yield Dropped(f"{label}#questions.{number}", error.reason, error.detail)

    def _check_annotated(self, said: Collection[str]) -> None:
        """Questions that the set's authors answer are not packed without answers beside others' annotations.

        Raises:
            MultigraftError: annotations are given, and none of some of these.
        """
        asked = dict.fromkeys(subset_of(path) for path in self._read.questions)
        lacking = [subset for subset in asked if subset in (_TRAINING, _VALIDATION) and subset not in said]
        if said and lacking:
            given, bare = ", ".join(sorted(said)), ", ".join(lacking)
            raise MultigraftError(
                f"the annotations given are of {given}, so the questions of {bare} would have no answers; give their "
                "annotations too, or none at all"
            )

    def _annotation(
        self, values: Mapping[str, Any], subset: str, said: Annotated, known: Collection[str]
    ) -> Annotation:
        return annotation_of(
            self._options,
            id=f"vqav2#{values['question_id']}",
            type=said.type,
            text=text_at(values, "question"),
            answers=soft_answers(said.answers, known),
            references=said.answers,
            media=(f"COCO_{subset}_{values['image_id']:012}.jpg",),
        )

    def _known(self) -> frozenset[str]:
        if not self._read.annotations:
            return frozenset()
        least = self._options.least
        found = self._listed or frequent_answers(self._read.annotations, least)
        if not found:
            raise MultigraftError(
                f"no answer is that of {least} questions in the annotations given: name a list by --set answers=FILE, "
                "or give the annotations of train2014 too"
            )
        return frozenset(found)

    def _takes(self) -> Takes:
        wanted = frozenset[str](self._options.split)
        if not wanted:
            return lambda subset, picture: True
        if wanted & {*HELD_OUT}:
            held_out = self._held_out()
            if "dvp-held-out" in wanted:
                return lambda subset, picture: subset == _VALIDATION and picture in held_out
            return lambda subset, picture: subset == _TRAINING or (subset == _VALIDATION and picture not in held_out)
        splits = split_of_pictures(Path(self._options.karpathy))
        return lambda subset, picture: splits.get(picture) in wanted

    def _held_out(self) -> frozenset[int]:
        """The last pictures of val2014.

        Raises:
            MultigraftError: its questions are not given.
        """
        paths = [path for path in self._read.questions if subset_of(path) == _VALIDATION]
        if not paths:
            raise MultigraftError(f"the splits {' and '.join(HELD_OUT)} need the questions of {_VALIDATION}")
        found = (each.get("image_id") for path in paths for each in items(path, "questions") if isinstance(each, dict))
        seen = dict.fromkeys(number for number in found if isinstance(number, int))
        return frozenset([*seen][-self._options.held_out :])


def _number_at(values: Any, key: str) -> int:
    """A number of a question or of a picture.

    Raises:
        BadSample: `bad row`, if there is none.
    """
    number = values.get(key) if isinstance(values, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise BadSample("bad row", f"its {key!r} is {number!r}, no number")
    return number


def build(options: Vqav2Options) -> Vqav2Source:
    """The source of VQA 2.0."""
    return Vqav2Source(options)
