"""Options of open video question answering."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import Options, Registered, TaskOptions

_METRICS: Any = ["exact-match", "accuracy-by-type"]


class OpenVideoQuestionAnsweringOptions(TaskOptions):
    """Questions about a video, answered in free text."""

    prefix: str = "video-qa: "
    """Text put before every question."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one."""
