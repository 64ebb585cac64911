"""The form of stored features, as a recipe says it."""

import re
from typing import Literal

from pydantic import field_validator

from multigraft.core.options.base import Section
from multigraft.core.options.names import fit_name

POOL = re.compile(r"none|mean|class-token|grid-[1-9]\d{0,2}x[1-9]\d{0,2}")


class FeaturesSection(Section):
    """What becomes of the encoders' tokens before they are stored; `data.features: true` leaves them as they are."""

    store: Literal["bf16", "int8"] = "bf16"
    """`int8` takes half the room: a whole number for each value, and a scale for each token."""
    pool: str | dict[str, str] = "none"
    """`none`, `mean`, `class-token`, or `grid-2x2` for a grid of 2 rows and 2 columns; or one for each modality, such
    as `{visual: grid-2x2, audio: mean}`. No step has parameters, and the model sees what it leaves."""

    @field_validator("pool")
    @classmethod
    def _known_steps(cls, pool: str | dict[str, str]) -> str | dict[str, str]:
        for modality, step in pool.items() if isinstance(pool, dict) else [("visual", pool)]:
            fit_name(modality, "modality")
            if POOL.fullmatch(step) is None:
                raise ValueError(f"{step!r} is none of `none`, `mean`, `class-token`, `grid-2x2` (any rows x columns)")
        return pool

    def pool_of(self, modality: str) -> str:
        """The step for the tokens of a modality."""
        return self.pool if isinstance(self.pool, str) else self.pool.get(modality, "none")
