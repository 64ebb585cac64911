"""Options of video captioning."""

from multigraft.tasks.captioning_options import CaptioningOptions


class VideoCaptioningOptions(CaptioningOptions):
    """A sentence about a video."""

    prefix: str = "video-caption: "
    """The whole input text, which says what to do."""
