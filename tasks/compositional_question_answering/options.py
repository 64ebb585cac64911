"""Options of compositional question answering."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import Options, Registered, TaskOptions

_METRICS: Any = ["exact-match", "accuracy-by-type"]


class CompositionalQuestionAnsweringOptions(TaskOptions):
    """Questions about an image that need several steps of reasoning, with one right answer each."""

    prefix: str = "gqa: "
    """Text put before every question; VL-Adapter's own weights expect its slip of the pen, `gpa: `."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one."""
