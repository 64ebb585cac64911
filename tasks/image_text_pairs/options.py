"""Options of image-text pairs."""

from typing import Annotated, Any

from pydantic import Field

from multigraft import ObjectiveOptions, Registered, TaskOptions

_OBJECTIVE: Any = [{"kind": "contrastive"}]


class ImageTextPairsOptions(TaskOptions):
    """Media and texts about them, to be told from others: each text goes in, and nothing comes out."""

    objective: list[Annotated[ObjectiveOptions, Registered("objectives")]] = Field(_OBJECTIVE, min_length=1)
    """Losses, one or a list."""
