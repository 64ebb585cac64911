"""Options of multiple-choice video question answering."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import Options, Registered, TaskOptions

_EVALUATOR: Any = {"kind": "choices"}
_METRICS: Any = ["exact-match", "accuracy-by-type"]


class MultipleChoiceVideoQuestionAnsweringOptions(TaskOptions):
    """Questions about a video with a list of choices, one of them right."""

    prefix: str = "video-mc: "
    """Text put before every question."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one."""
    evaluator: Annotated[Options, Registered("evaluators")] = Field(_EVALUATOR)
    """How answers are found in evaluation: the likeliest choice is taken."""
    text_limit: int = Field(160, ge=1)
    """Longest input text in tokens, prefix and choices included; what is longer loses its context, then words of each
    choice."""
