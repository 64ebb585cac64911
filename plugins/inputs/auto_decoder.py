"""Which decoder reads clips where a recipe names none."""

from multigraft import VideoDecoder, VideoDecoderOptions
from multigraft.plugins.inputs.decord_frames import DecordDecoder, is_installed


def build(options: VideoDecoderOptions) -> VideoDecoder:
    """decord where it is installed, else PyAV."""
    if is_installed():
        return DecordDecoder()
    from multigraft.plugins.inputs.pyav_frames import PyavDecoder

    return PyavDecoder()
