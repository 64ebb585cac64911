"""Options of the built-in evaluators."""

from pydantic import Field

from multigraft import Decoding, EvaluatorOptions


class GenerateOptions(EvaluatorOptions, Decoding):
    """Greedy or beam output."""


class ChoicesOptions(EvaluatorOptions):
    """The likeliest of each sample's choices."""


class ClassifyOptions(EvaluatorOptions):
    """The likeliest label of the objective."""

    others: int = Field(4, ge=0)
    """How many labels behind the likeliest are kept with their log-probabilities."""
