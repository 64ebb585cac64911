"""Options of image captioning."""

from multigraft.tasks.captioning_options import CaptioningOptions


class ImageCaptioningOptions(CaptioningOptions):
    """A sentence about an image."""

    prefix: str = "caption: "
    """The whole input text; VL-Adapter's."""
