"""Options of statements about two images."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import Options, Registered, TaskOptions

_EVALUATOR: Any = {"kind": "choices"}
_METRICS: Any = ["exact-match", "consistency"]


class TwoImageStatementsOptions(TaskOptions):
    """Whether a statement about two images is true or false."""

    prefix: str = "nlvr: "
    """Text put before every statement; VL-Adapter's."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one."""
    evaluator: Annotated[Options, Registered("evaluators")] = Field(_EVALUATOR)
    """How answers are found in evaluation: the likeliest choice is taken."""
    text_limit: int = Field(80, ge=1)
    """Longest statement in tokens, the prefix included."""
    target_limit: int = Field(4, ge=1)
    """Longest answer in tokens."""
