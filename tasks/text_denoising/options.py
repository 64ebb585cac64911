"""Options of text denoising."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import Options, Registered, TaskOptions

_EVALUATOR: Any = {"kind": "generate", "max_tokens": 64}


class TextDenoisingOptions(TaskOptions):
    """Restore a text in which spans of words were replaced by `<mask>`."""

    masked: float = Field(0.3, gt=0, lt=1)
    """Share of the words that is masked, at least one word."""
    mean_span: float = Field(3.0, gt=0, le=20)
    """Mean words of a masked span; lengths follow a Poisson distribution, and a span of none is a `<mask>` put in."""
    evaluator: Annotated[Options, Registered("evaluators")] = Field(_EVALUATOR)
    """How texts are restored in evaluation."""
    text_limit: int = Field(64, ge=1)
    """Longest masked text in tokens, the prefix included."""
    target_limit: int = Field(64, ge=1)
    """Longest text in tokens."""
