"""Options of text denoising."""

from pydantic import Field

from multigraft import Decoding, TaskOptions


class DenoisingDecoding(Decoding):
    """How a text is restored."""

    max_tokens: int = Field(64, ge=1, le=1024)
    """Longest output, in tokens."""


class TextDenoisingOptions(TaskOptions):
    """Restore a text in which spans of words were replaced by `<mask>`."""

    masked: float = Field(0.3, gt=0, lt=1)
    """Share of the words that is masked, at least one word."""
    mean_span: float = Field(3.0, gt=0, le=20)
    """Mean words of a masked span; lengths follow a Poisson distribution, and a span of none is a `<mask>` put in."""
    decoding: DenoisingDecoding = DenoisingDecoding()
    """How texts are restored in evaluation."""
    text_limit: int = Field(64, ge=1)
    """Longest masked text in tokens, the prefix included."""
    target_limit: int = Field(64, ge=1)
    """Longest text in tokens."""
