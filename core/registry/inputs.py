"""Builds an input of a recipe, with the video decoder that its options name."""

from typing import TYPE_CHECKING

from multigraft.core.registry.registry import Registry

if TYPE_CHECKING:
    from multigraft.core.interfaces.input import Input
    from multigraft.core.options.base import Options


def build_input(registry: Registry, options: "Options") -> "Input":
    """The input of validated options: `build(options)`, or `build(options, decoder=...)` where it takes a decoder.

    Raises:
        ComponentError: something it requires is not installed, or its module cannot be imported.
    """
    from multigraft.core.options.video_decoder_options import VideoDecoderOptions

    chosen, context = getattr(options, "decoder", None), {}
    if isinstance(chosen, VideoDecoderOptions):
        context["decoder"] = registry.build("video_decoders", chosen)
    built: Input = registry.build("inputs", options, **context)
    return built
