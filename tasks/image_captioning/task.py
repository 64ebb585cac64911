"""Image captioning, after COCO Captions (Chen et al. 2015)."""

from multigraft.tasks.captioning import Captioning
from multigraft.tasks.image_captioning.options import ImageCaptioningOptions


def build(options: ImageCaptioningOptions) -> Captioning:
    """Image captioning."""
    return Captioning()
