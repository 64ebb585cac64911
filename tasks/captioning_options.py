"""Options that the captioning tasks share."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import Decoding, ObjectiveOptions, Options, Registered, TaskOptions

_OBJECTIVE: Any = {"kind": "generation", "reduction": "token-mean"}
_METRICS: Any = ["cider", "bleu", "rouge-l", "meteor", "exact-match"]


class CaptionDecoding(Decoding):
    """How a caption is generated."""

    beams: int = Field(3, ge=1, le=64)
    """1 is greedy; VL-Adapter uses 5."""
    max_tokens: int = Field(40, ge=1, le=1024)
    """Longest caption, in tokens: as long as in training, where VL-Adapter stops at 20."""


class CaptioningOptions(TaskOptions):
    """Base of the options of captioning tasks."""

    objective: list[Annotated[ObjectiveOptions, Registered("objectives")]] = Field(_OBJECTIVE, min_length=1)
    """Loss: the mean over all tokens, as in VL-Adapter."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one. METEOR is left out where there is no Java."""
    decoding: CaptionDecoding = CaptionDecoding()
    """How captions are generated in evaluation."""
    target_limit: int = Field(40, ge=1)
    """Longest caption in tokens."""
