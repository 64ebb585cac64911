"""Input: bytes to media.

A component's `build(options) -> Input`. `decode` runs in a thread, or, where the input is `isolated`, in a spawned
process, which imports torch only if an input's `load` does; inputs must be picklable.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from multigraft.core.types.media import Media, Span
from multigraft.core.types.preparation import VISUAL, Preparation
from multigraft.core.types.transform import Transform


class Input(ABC):
    """Decodes one field of a sample."""

    kind: str
    """`image`, `video`, `audio` or another word: decides which items form one group of tokens."""
    modality: str = VISUAL
    """Whose encoder reads what it makes: a key of `trunk.encoders`."""
    prepares: type[Preparation] = Transform
    """What it can do for that encoder: the class of the preparation that `decode` is given."""
    extensions: tuple[str, ...]
    """Endings of the fields it reads, without the dot, lower case."""
    isolated = False
    """Whether to decode in a process that can be ended: native code that may hang or crash."""

    def load(self) -> None:
        """Import what decoding needs. Called once, in the process that decodes, for inputs that are `isolated`: neither
        the deadline of a medium nor a bound of memory counts there."""
        return

    @abstractmethod
    def decode(self, data: bytes, preparation: Preparation, span: Span | None) -> Media:
        """Decode, sample and prepare as the encoder wants it.

        Args:
            preparation: of the class that it `prepares`.

        Raises:
            BadSample: with a short reason, for anything wrong with the bytes; sizes are checked before decoding.
        """

    def compact(self, data: bytes, shorter: int) -> tuple[str, bytes] | None:
        """The same medium in a form that decodes fast, as its ending and its bytes; None where there is none.

        Args:
            shorter: pixels of the shorter side, at most.

        Raises:
            BadSample: as `decode`.
        """
        return None

    def facts(self, data: bytes) -> Mapping[str, float]:
        """What the header says, without decoding: `width` and `height` in pixels as stored, `seconds`, and `fps`. What
        is not known is left out; an input that leaves this method out is not asked.

        Raises:
            BadSample: as `decode`, and with the same care.
        """
        return {}

    @abstractmethod
    def fingerprint(self) -> str:
        """What decides the arrays that come out, in one short text; part of the key of stored features."""
