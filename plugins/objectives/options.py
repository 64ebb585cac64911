"""Options of the built-in objectives."""

from collections import Counter
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from multigraft import ObjectiveOptions
from multigraft.plugins.objectives.label_files import read_labels


class GenerationOptions(ObjectiveOptions):
    """Token cross-entropy of the target text."""

    reduction: Literal["token-mean", "sample-mean", "weighted"] = "sample-mean"
    """`token-mean`: over all tokens; `sample-mean`: weighted sample losses over the number of samples (VL-Adapter);
    `weighted`: over the sum of the weights. A sample's loss is the mean over its tokens."""
    smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    """Label smoothing."""


class ClassificationOptions(ObjectiveOptions):
    """Cross-entropy over a list of answers, from the decoder's first state."""

    labels: list[str] = Field(min_length=2)
    """The answers, or `path:FILE` or `package:PACKAGE/FILE` with one a line, which are then written into the recipe; a
    target that is none of them is an error."""
    head: Literal["linear", "mlp"] = "linear"
    """`linear`: one layer; `mlp`: a layer, LayerNorm, GELU and a layer, as in UNITER and DVP."""
    head_width: int | None = Field(None, ge=1, le=2**20)
    """Width between the two layers of `mlp`; twice the backbone's if left out."""

    @field_validator("labels", mode="before")
    @classmethod
    def _lines_of_a_file(cls, labels: Any) -> Any:
        return read_labels(labels) if isinstance(labels, str) else labels

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: list[str]) -> list[str]:
        twice = next((label for label, count in Counter(labels).items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"label {twice!r} is given twice")
        return labels

    @model_validator(mode="after")
    def _a_width_of_two_layers(self) -> Self:
        if self.head == "linear" and self.head_width is not None:
            raise ValueError("`head_width` is for `head: mlp`")
        return self


class AnswersOptions(ClassificationOptions):
    """Soft scores of a list of answers, each by itself: binary cross-entropy summed over the list (VQA)."""

    labels: list[str] = Field(min_length=2)
    """The answers, or `path:FILE` or `package:PACKAGE/FILE` with one a line, which are then written into the recipe; an
    answer that is none of them counts for nothing, and is counted."""
    head: Literal["linear", "mlp"] = "mlp"
    """`linear`: one layer; `mlp`: a layer, LayerNorm, GELU and a layer, as in UNITER and DVP."""


class MaskedWordsOptions(ObjectiveOptions):
    """Hidden words are predicted from the others."""

    share: float = Field(0.15, gt=0.0, lt=1.0)
    """Share of the words that are predicted."""
    distillation: float = Field(0.0, ge=0.0, le=1.0)
    """Weight of the teacher's distribution beside the words themselves; 0 for no teacher."""


class ContrastiveOptions(ObjectiveOptions):
    """Media and their texts lie near each other, and far from others."""

    modality: str = "visual"
    """Which media are compared with texts: whose encoder reads them."""
    width: int = Field(256, ge=1, le=65_536)
    """Of the features that are compared."""
    temperature: float = Field(0.07, ge=0.001, le=0.5)
    """What scores are divided by at the start; it is trained."""
    in_batch: bool = True
    """Whether rows are told from the others of the batch, of all processes; a batch then cannot be split."""
    queue: int = Field(0, ge=0, le=2**24)
    """Features of earlier batches that rows are told from; 0 for none."""
    teacher: bool = False
    """Whether features are compared with those of the teacher, the moving average of what is trained."""
    distillation: float = Field(0.0, ge=0.0, le=1.0)
    """Weight of the teacher's likeness beside what belongs together; 0 for none."""

    @model_validator(mode="after")
    def _makes_sense(self) -> "ContrastiveOptions":
        if not (self.in_batch or self.queue):
            raise ValueError("without `in_batch` it needs a `queue`: rows must be told from something")
        if not self.teacher and (self.queue or self.distillation):
            raise ValueError("`queue` and `distillation` need `teacher: true`")
        return self


_OF_LIKENESS = ("modality", "teacher")


class MatchingOptions(ObjectiveOptions):
    """Whether media and text belong together."""

    negatives: Literal["even", "alike"] = "even"
    """How the pairs that do not belong together are drawn: evenly, or the likelier the more alike by the features that
    `contrastive` trains, which the task then needs."""
    labels: tuple[str, str] = ("no", "yes")
    """What it says of a pair that does not belong together, and of one that does."""
    modality: str = "visual"
    """With `alike`: which media are compared with texts."""
    teacher: bool = False
    """With `alike`: whether features are compared with those of the teacher, the moving average of what is trained."""

    @model_validator(mode="after")
    def _likeness_alone(self) -> "MatchingOptions":
        fields = type(self).model_fields
        unused = [name for name in _OF_LIKENESS if getattr(self, name) != fields[name].default]
        if self.negatives == "even" and unused:
            raise ValueError(f"with `negatives: even` nothing reads {', '.join(f'`{name}`' for name in unused)}")
        return self
