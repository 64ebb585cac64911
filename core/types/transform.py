"""How a picture is brought to the size an encoder reads."""

from dataclasses import dataclass
from typing import Literal

from multigraft.core.types.preparation import Preparation


@dataclass(frozen=True)
class Transform(Preparation):
    """Resized and cut to `size` x `size` by the input, then scaled to [0, 1] and normalised by the encoder itself, so
    that batches travel as uint8."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    fit: Literal["stretch", "crop", "pad", "whole"] = "stretch"
    """`stretch` ignores the aspect ratio, `crop` keeps the middle square, `pad` adds black borders. `whole` is for
    showing: it keeps the aspect ratio, and the longer side is `size` at most."""
    shorter: int | None = None
    """With `crop`, what the shorter side becomes before the middle square is kept, no less than `size`; `size` if left
    out."""
