"""Options that the captioning tasks share."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import ObjectiveOptions, Options, Registered, TaskOptions

_OBJECTIVE: Any = {"kind": "generation", "reduction": "token-mean"}
_METRICS: Any = ["cider", "bleu", "rouge-l", "meteor", "exact-match"]
_EVALUATOR: Any = {"kind": "generate", "beams": 3, "max_tokens": 40}


class CaptioningOptions(TaskOptions):
    """Base of the options of captioning tasks."""

    objective: list[Annotated[ObjectiveOptions, Registered("objectives")]] = Field(_OBJECTIVE, min_length=1)
    """Loss: the mean over all tokens, as in VL-Adapter."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one. METEOR is left out where there is no Java."""
    evaluator: Annotated[Options, Registered("evaluators")] = Field(_EVALUATOR)
    """How captions are found in evaluation: by beams (VL-Adapter uses 5), as long as in training (it stops at 20)."""
    target_limit: int = Field(40, ge=1)
    """Longest caption in tokens."""
