"""Options of the inputs."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from multigraft import Options, Registered, VideoDecoderOptions

_AUTO: Any = {"kind": "auto"}


class ImageOptions(Options):
    """JPEG, PNG and WebP."""

    max_pixels: int = Field(89_478_485, ge=1)
    """Width times height, at most; checked before decoding. Pillow reads twice the default at most."""
    max_bytes: int = Field(512 << 20, ge=1)
    """Memory that decoding may take, at most; known before it, from the header. A pixel takes 4 bytes in most pictures,
    16 in WebP, and up to 12 in JPEGs that are progressive."""
    scaled: bool = False
    """Whether a JPEG of at least twice the size wanted is decoded at a half, a quarter or an eighth of its sides, no
    smaller than wanted: several times faster, to other pixels."""


class VideoOptions(Options):
    """Videos in mp4, mov, mkv, webm, avi and MPEG-TS."""

    frames: int = Field(8, ge=1, le=1024)
    """Frames taken from a clip, at most: those shown at so many times, each once; a clip that shows fewer gives
    fewer."""
    sampling: Literal["uniform", "fps", "segments", "times"] = "uniform"
    """`uniform` spreads the times evenly, both ends of the clip or span included; `fps` takes so many a second, and is
    uniform where they would be more than `frames`; `segments` takes the middle of each of `frames` equal stretches;
    `times` those given. At a time the latest frame is shown that is not after it."""
    fps: float = Field(1.0, gt=0)
    """Frames a second, with `sampling: fps`."""
    times: list[Annotated[float, Field(ge=0)]] = Field([], max_length=1024)
    """Seconds from where the clip or span begins, with `sampling: times`, in place of `frames`; those behind its end
    are left out."""
    decoder: Annotated[VideoDecoderOptions, Registered("video_decoders")] = Field(_AUTO)
    """What decodes the clips that it does not refuse; PyAV decodes the others."""
    max_pixels: int = Field(4096 * 2304, ge=1)
    """Width times height of a frame, at most; checked before decoding."""
    max_seconds: float = Field(3600.0, gt=0)
    """Length of a clip, at most."""

    @property
    def most_frames(self) -> int:
        """Frames that are taken of a clip, at most."""
        return len(self.times) if self.sampling == "times" else self.frames

    @model_validator(mode="after")
    def _times_where_they_count(self) -> Self:
        if (self.sampling == "times") != bool(self.times):
            raise ValueError("`sampling: times` and a list of `times` belong together")
        if self.times and "frames" in self.model_fields_set:
            raise ValueError("`frames` does nothing beside `times`")
        return self


class AudioOptions(Options):
    """Sound in WAV and FLAC, all channels as one. How much of it is read, and how, the encoder says."""

    max_seconds: float = Field(3600.0, gt=0)
    """Length of a file, at most. What is read of it, all or a span, may be no longer than the encoder's `seconds`."""


class AutoDecoderOptions(VideoDecoderOptions):
    """decord where it is installed and known to be right, else PyAV."""


class DecordOptions(VideoDecoderOptions):
    """decord, for clips where it is known to be right and to need little memory: short mp4 or mov clips without edit
    list or turning."""


class PyavOptions(VideoDecoderOptions):
    """PyAV, for all clips."""


class TorchcodecOptions(VideoDecoderOptions):
    """torchcodec, for mp4, mov, mkv and webm clips without turning. It brings torch into the decoding processes, and
    needs FFmpeg's libraries on the system."""
