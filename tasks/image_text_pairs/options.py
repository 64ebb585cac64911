"""Options of image-text pairs."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import ObjectiveOptions, Options, Registered, TaskOptions

_OBJECTIVE: Any = [{"kind": "contrastive"}]
_EVALUATOR: Any = {"kind": "retrieve"}
_METRICS: Any = ["recall"]


class ImageTextPairsOptions(TaskOptions):
    """Media and texts about them, to be told from others: each text goes in, and nothing comes out."""

    objective: list[Annotated[ObjectiveOptions, Registered("objectives")]] = Field(_OBJECTIVE, min_length=1)
    """Losses, one or a list."""
    evaluator: Annotated[Options, Registered("evaluators")] = Field(_EVALUATOR)
    """How rows are answered; without `contrastive`, take `loss` or, with `matching`, `classify`."""
    metrics: list[Annotated[Options, Registered("metrics")]] = Field(_METRICS, min_length=1)
    """Scores; the first is the task's main one."""
