"""Options of this plugin's components."""

from multigraft import AdapterOptions, Options, TaskOptions


class ChannelScaleOptions(AdapterOptions):
    """Multiplies each channel of a block's output by a learned factor."""

    start: float = 1.0
    """Value that the factors start from."""


class FirstLetterGroupsOptions(Options):
    """Tasks whose names begin with the same letter share everything."""


class ImageColourOptions(TaskOptions):
    """Asks the same question about every image: its colour."""

    prefix: str = "colour: "
    """Text put before the question."""


class LengthRatioOptions(Options):
    """Words of the outputs divided by words of the references."""
