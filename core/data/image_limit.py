"""How many images of a sample the prompt has room for."""

from collections.abc import Sequence
from dataclasses import dataclass

from multigraft.core.errors import BadSample


@dataclass(frozen=True)
class ImageLimit:
    """Refuses samples by the names of their media, before any is decoded."""

    most: int | None = None
    """None for as many as there are."""
    endings: frozenset[str] = frozenset()
    """Of the fields that are images, lower case, without the dot."""

    def check(self, media: Sequence[str]) -> None:
        """Count the images among the fields that an annotation names.

        Raises:
            BadSample: `too many images`.
        """
        images = sum(field.rpartition(".")[2] in self.endings for field in media)
        if self.most is not None and images > self.most:
            raise BadSample("too many images", f"the annotation names {images}, and the prompt takes {self.most}")
