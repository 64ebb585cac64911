"""Base of the options of video decoders."""

from multigraft.core.options.base import Options


class VideoDecoderOptions(Options):
    """Base of the options of a video decoder."""
