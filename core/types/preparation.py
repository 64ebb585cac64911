"""What an encoder wants an input to make of bytes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

VISUAL = "visual"
"""The modality of pictures and frames."""


@dataclass(frozen=True)
class Preparation:
    """Base of what an encoder says an input must make of bytes: `Transform` for pictures, `LogMel` for sound.

    A subclass is a frozen dataclass of plain values: it travels to decoding processes."""

    def example(self) -> "NDArray[Any] | None":
        """Arrays such as an input makes of media, `(items, length, ...)`, two items at least, with which
        `multigraft.testing` tries an encoder; None where it cannot say."""
        return None
