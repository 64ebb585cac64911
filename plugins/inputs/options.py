"""Options of the inputs."""

from typing import Literal

from pydantic import Field

from multigraft.core.config.options import Options


class ImageOptions(Options):
    """JPEG, PNG and WebP."""

    max_pixels: int = Field(89_478_485, ge=1)
    """Width times height, at most; checked before decoding."""


class VideoOptions(Options):
    """Videos in mp4, mov, mkv, webm, avi and MPEG-TS."""

    frames: int = Field(8, ge=1, le=1024)
    """Frames taken from a clip, at most; a shorter clip gives all it has."""
    sampling: Literal["uniform", "fps"] = "uniform"
    """`uniform` spreads the frames evenly in time, first and last included; `fps` takes so many a second, and is
    uniform where they would be more than `frames`."""
    fps: float = Field(1.0, gt=0)
    """Frames a second, with `sampling: fps`."""
    decoder: Literal["auto", "decord", "pyav"] = "auto"
    """`auto` takes decord where it is installed and known to be right, else PyAV."""
    max_pixels: int = Field(4096 * 2304, ge=1)
    """Width times height of a frame, at most; checked before decoding."""
    max_seconds: float = Field(3600.0, gt=0)
    """Length of a clip, at most."""
