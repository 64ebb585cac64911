"""Options of text classification."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import ObjectiveOptions, Options, Registered, TaskOptions

_EVALUATOR: Any = {"kind": "classify"}


class TextClassificationOptions(TaskOptions):
    """Texts, or pairs of a text and its context, that are sorted into labels; no media."""

    prefix: str = "classify: "
    """Text put before every text."""
    objective: list[Annotated[ObjectiveOptions, Registered("objectives")]] = Field(min_length=1)
    """Losses, one or a list: `{kind: classification, labels: [...]}` for one label a text, `{kind: answers, labels:
    [...]}` for labels with soft scores, or `generation`, which writes the label, with `evaluator: {kind: rank, answers:
    [...]}`."""
    evaluator: Annotated[Options, Registered("evaluators")] = Field(_EVALUATOR)
    """How texts are sorted in evaluation and by `predict`."""
    text_limit: int = Field(128, ge=1)
    """Longest text in tokens, the prefix and the context included."""
