"""Video captioning, after TVC (Lei et al. 2020) and YouCook2 (Zhou et al. 2018)."""

from multigraft.tasks.captioning import Captioning
from multigraft.tasks.video_captioning.options import VideoCaptioningOptions


def build(options: VideoCaptioningOptions) -> Captioning:
    """Video captioning."""
    return Captioning()
