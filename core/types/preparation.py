"""What an encoder wants an input to make of bytes."""

from dataclasses import dataclass

VISUAL = "visual"
"""The modality of pictures and frames."""


@dataclass(frozen=True)
class Preparation:
    """Base of what an encoder says an input must make of bytes: `Transform` for pictures, `LogMel` for sound.

    A subclass is a frozen dataclass of plain values: it travels to decoding processes."""
