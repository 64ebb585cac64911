"""Options of visual question answering."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import ObjectiveOptions, Options, Registered, TaskOptions

_OBJECTIVE: Any = {"kind": "generation", "reduction": "sample-mean"}
_METRICS: Any = ["vqa-accuracy", "exact-match", {"kind": "accuracy-by-type", "of": "vqa-accuracy"}]


class VisualQuestionAnsweringOptions(TaskOptions):
    """Open questions about an image, whose answers have soft scores."""

    prefix: str = "vqa: "
    """Text put before every question; VL-Adapter's."""
    objective: list[Annotated[ObjectiveOptions, Registered("objectives")]] = Field(_OBJECTIVE, min_length=1)
    """Loss: mean over samples of mean token loss times the soft score of the answer drawn, as in VL-Adapter."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one."""
    target_limit: int = Field(10, ge=1)
    """Longest answer in tokens."""
    draw: bool = True
    """Whether training draws an answer in proportion to its score, which also weighs the sample; else the best one is
    taken and weighs as the annotation says, for objectives that read all answers, such as `answers`."""
