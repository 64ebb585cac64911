"""`tvqa` and `how2qa`: questions about videos with choices (Lei et al. 2018; Li et al. 2020), as VALUE gives them out.

A line is `{"qid", "q", "a0", "a1", ..., "answer_idx", "vid_name", "ts"}`; TVQA has five choices and `show_name`, How2QA
four choices. Test sets have no `answer_idx`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from multigraft import Annotation, BadSample, ScoredAnswer
from multigraft.plugins.sources.annotating import annotation_of
from multigraft.plugins.sources.published.options import How2QaOptions, TvqaOptions, VideoOptions
from multigraft.plugins.sources.published.rows import text_at
from multigraft.plugins.sources.published.video_rows import VideoRows


class VideoQuestions(VideoRows):
    """An annotation for each question, with the id `SET#QID`; the type is the show, where there are several.

    Args:
        name: of the set, in front of its ids.
        choices: of each question.
    """

    def __init__(self, options: VideoOptions, name: str, choices: int) -> None:
        super().__init__(options)
        self._name, self._choices = name, choices

    def of_row(self, values: Mapping[str, Any]) -> Iterable[Annotation]:
        """The annotation of a question."""
        clip = self.clip(values)
        choices = tuple(text_at(values, f"a{number}") for number in range(self._choices))
        yield annotation_of(
            self._options,
            id=f"{self._name}#{text_at(values, 'qid')}",
            type=text_at(values, "show_name") if values.get("show_name") else "",
            text=text_at(values, "q"),
            context=clip.said,
            choices=choices,
            answers=_answers(values.get("answer_idx"), choices),
            span=clip.span,
            media=(clip.medium,),
        )


def _answers(number: Any, choices: tuple[str, ...]) -> tuple[ScoredAnswer, ...]:
    """The right choice; none where nobody says which.

    Raises:
        BadSample: `bad row`, for a number of no choice.
    """
    if number is None:
        return ()
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(choices):
        raise BadSample("bad row", f"its `answer_idx` is {number!r}, and it has {len(choices)} choices")
    return (ScoredAnswer(text=choices[number]),)


def build_tvqa(options: TvqaOptions) -> VideoQuestions:
    """The source of TVQA."""
    return VideoQuestions(options, "tvqa", 5)


def build_how2qa(options: How2QaOptions) -> VideoQuestions:
    """The source of How2QA."""
    return VideoQuestions(options, "how2qa", 4)
