"""How many media of a sample the prompts have room for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from multigraft.core.data.modalities import kinds_by_ending
from multigraft.core.errors import BadSample
from multigraft.core.types.media import ending_of

if TYPE_CHECKING:
    from multigraft.core.interfaces.input import Input


@dataclass(frozen=True)
class MediaLimit:
    """Refuses samples by the names of their media, before any is decoded; videos are not counted."""

    most: Mapping[str, int] = field(default_factory=dict)
    """By kind; as many as there are of a kind that is left out."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Kind of a field by its ending, lower case, without the dot."""

    @classmethod
    def of(cls, inputs: Sequence["Input"], most_images: Mapping[str, int]) -> "MediaLimit":
        """The limit over a recipe's inputs, by how many images or clips of each modality the prompts take."""
        counted = [each for each in inputs if each.kind != "video" and each.modality in most_images]
        return cls({each.kind: most_images[each.modality] for each in counted}, kinds_by_ending(inputs))

    def check(self, media: Sequence[str]) -> None:
        """Count the media of each kind among the fields that an annotation names.

        Raises:
            BadSample: `too many images`, `too many audios`.
        """
        counts = Counter(self.kinds.get(ending_of(field), "") for field in media)
        for kind, count in counts.items():
            if count > self.most.get(kind, count):
                told = f"the annotation names {count}, and the prompt takes {self.most[kind]}"
                raise BadSample(f"too many {kind}s", told)
