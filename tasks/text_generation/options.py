"""Options of text generation."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import Options, Registered, TaskOptions

_EVALUATOR: Any = {"kind": "generate", "max_tokens": 64}
_METRICS: Any = ["rouge-l", "exact-match"]


class TextGenerationOptions(TaskOptions):
    """Texts that are answered, summed up or gone on with in free text; no media."""

    prefix: str = "generate: "
    """Text put before every text."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one."""
    evaluator: Annotated[Options, Registered("evaluators")] = Field(_EVALUATOR)
    """How texts are written in evaluation and by `predict`."""
    text_limit: int = Field(256, ge=1)
    """Longest input in tokens, the prefix and the context included."""
    target_limit: int = Field(64, ge=1)
    """Longest output in tokens."""
