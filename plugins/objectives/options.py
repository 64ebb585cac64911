"""Options of the built-in objectives."""

from typing import Literal

from pydantic import Field, field_validator

from multigraft import Options


class GenerationOptions(Options):
    """Token cross-entropy of the target text."""

    reduction: Literal["token-mean", "sample-mean", "weighted"] = "sample-mean"
    """`token-mean`: over all tokens; `sample-mean`: weighted sample losses over the number of samples (VL-Adapter);
    `weighted`: over the sum of the weights. A sample's loss is the mean over its tokens."""
    smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    """Label smoothing."""


class ClassificationOptions(Options):
    """Cross-entropy over a list of answers, from the decoder's first state."""

    labels: list[str] = Field(min_length=2)
    """The answers; a target that is none of them is an error."""

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: list[str]) -> list[str]:
        twice = next((label for number, label in enumerate(labels) if label in labels[:number]), None)
        if twice is not None:
            raise ValueError(f"label {twice!r} is given twice")
        return labels
