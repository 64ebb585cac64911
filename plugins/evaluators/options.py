"""Options of the built-in evaluators."""

from typing import Annotated

from pydantic import Field, field_validator

from multigraft import Decoding, EvaluatorOptions, SourceText, weight_source


class GenerateOptions(EvaluatorOptions, Decoding):
    """Greedy or beam output."""


class ChoicesOptions(EvaluatorOptions):
    """The likeliest of each sample's choices."""


class ClassifyOptions(EvaluatorOptions):
    """The likeliest label of the objective."""

    objective: int | None = Field(None, ge=0)
    """Which of the task's objectives, counted from 0, where several sort rows into labels."""
    others: int = Field(4, ge=0)
    """How many labels behind the likeliest are kept with their log-probabilities."""


class RankOptions(EvaluatorOptions):
    """The likeliest of a list of answers, the same for every row."""

    answers: list[str] | Annotated[str, SourceText()]
    """The answers, or `path:FILE` with one in each line."""
    others: int = Field(4, ge=0)
    """How many answers behind the likeliest are kept with their log-probabilities."""

    @field_validator("answers")
    @classmethod
    def _a_text_names_a_file(cls, value: list[str] | str) -> list[str] | str:
        if isinstance(value, str):
            weight_source(value, ("path",))
        return value


class LossOptions(EvaluatorOptions):
    """The loss on held-out rows alone, without metrics."""


class RetrieveOptions(EvaluatorOptions):
    """Every text of a split against every medium, in both directions; measured by `recall`."""

    keep: int = Field(10, ge=1)
    """How many of a ranking are kept."""
