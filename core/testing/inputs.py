"""Whether an input keeps its contract: it can be pickled, and what it cannot read is a bad sample to it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from multigraft.core.errors import BadSample
from multigraft.core.interfaces.input import Input
from multigraft.core.interfaces.video_decoder import FrameTaker, VideoDecoder
from multigraft.core.options.base import Options
from multigraft.core.options.video_decoder_options import VideoDecoderOptions
from multigraft.core.testing.copies import copied
from multigraft.core.types.clip import Clip
from multigraft.core.types.log_mel import LogMel
from multigraft.core.types.preparation import Preparation
from multigraft.core.types.transform import Transform

_PREPARATIONS = (Transform(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), LogMel())
_NO_MEDIA = (b"", b"no medium of any kind", bytes(range(256)))


class _RefusesAll(VideoDecoder):
    def refusal(self, clip: Clip) -> str:
        return "it reads none"

    def decode(self, data: bytes, clip: Clip, taker: FrameTaker) -> str:
        return "it reads none"


def wrong_input(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    if isinstance(getattr(options, "decoder", None), VideoDecoderOptions):
        build = partial(build, decoder=_RefusesAll())
    made = build(options)
    if not isinstance(made, Input):
        yield f"`build` gives {type(made).__name__}, no Input"
        return
    if not made.kind or not made.extensions:
        yield "it names no kind of media, or no endings of the fields that it reads"
    for ending in made.extensions:
        if ending != ending.lower().lstrip("."):
            yield f"its ending {ending!r} must be lower case and without the dot"
    again, wrong = copied(made, build(options))
    yield from wrong
    if again is not None and not made.isolated:  # native code that may crash is not called with rubbish in this process
        yield from _wrong_refusals(again)


def _preparation(made: Input) -> Preparation | None:
    """One that it is for; None where none can be made without knowing its fields."""
    try:
        return next((each for each in _PREPARATIONS if isinstance(each, made.prepares)), None) or made.prepares()
    except TypeError:
        return None


def _wrong_refusals(made: Input) -> Iterator[str]:
    preparation = _preparation(made)
    if preparation is None:
        return
    for data in _NO_MEDIA:
        try:
            made.decode(data, preparation, None)
        except BadSample:
            continue
        except Exception as error:
            yield f"bytes that are no media are no BadSample to it: {type(error).__name__}: {error}"
        else:
            yield f"it makes media of {data[:20]!r}"
        return
