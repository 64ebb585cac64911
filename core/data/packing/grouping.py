"""Brings together the annotations that are about the same media, in memory of some numbers for each."""

from array import array
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from multigraft.core.data.packing.spool import Spool
from multigraft.core.errors import BadSample
from multigraft.core.types.annotation import Annotation

MOST_ANNOTATIONS = 1000
"""Of one group; those of further ones about the same media are another group."""
MOST_BYTES = 512 << 10
"""Of the annotations of one group as JSON: within these, no record has too many values to be read."""

Numbers = NDArray[np.int64]


class MediaGroups:
    """Annotations in groups: those about the same set of media together, those of text alone together.

    Groups stand in the order of their first annotations, and annotations in theirs. Add all, then `close_adding`.

    Args:
        folder: on whose disk annotations wait.
    """

    def __init__(self, folder: Path) -> None:
        self._spool = Spool(folder)
        self._ids, self._media, self._contents = array("Q"), array("Q"), array("Q")
        self.duplicates = 0
        """Annotations that are like an earlier one in all but their id; known once adding is closed."""
        self._digest = blake2b(digest_size=16)

    def add(self, annotation: Annotation) -> None:
        """Take the next annotation.

        Raises:
            BadSample: `too large`.
        """
        text = annotation.model_dump_json(exclude_defaults=True).encode()
        if len(text) > MOST_BYTES:
            raise BadSample("too large", f"the annotation has {len(text):,} bytes as JSON, more than {MOST_BYTES:,}")
        self._spool.add(text)
        self._digest.update(b"%d:" % len(text) + text)
        self._ids.append(_hashed(annotation.id))
        self._contents.append(_hashed(annotation.model_dump_json(exclude_defaults=True, exclude={"id"})))
        self._media.append(_hashed("\0".join(sorted(set(annotation.media)))))

    def close_adding(self) -> list[str]:
        """Sort what was added into groups, without annotations whose id was there before: the ids of these."""
        self._spool.flush()
        repeated = self._repeated()
        kept = np.delete(np.arange(len(self._media)), repeated)
        self.duplicates = len(kept) - len(np.unique(np.array(self._contents, np.uint64)[kept]))
        self._order, media = _by_first(np.array(self._media, np.uint64), kept)
        self._starts = np.array([*self._group_starts(media), len(self._order)], np.int64)
        return [self._annotation(number).id for number in repeated]

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def digest(self) -> str:
        """Short hash of all annotations that were added."""
        return self._digest.hexdigest()

    def annotations(self, group: int) -> list[Annotation]:
        """Those of a group; safe to call from several threads."""
        return [self._annotation(int(number)) for number in self._order[self._starts[group] : self._starts[group + 1]]]

    def close(self) -> None:
        """Give the room on the disk back."""
        self._spool.close()

    def _annotation(self, number: int) -> Annotation:
        return Annotation.model_validate_json(self._spool.read(number))

    def _repeated(self) -> list[int]:
        """Numbers of the annotations whose id another one had before; equal hashes are looked at themselves."""
        _, first, inverse = np.unique(np.array(self._ids, np.uint64), return_index=True, return_inverse=True)
        later = np.flatnonzero(first[inverse] != np.arange(len(inverse)))
        return [
            int(number)
            for number, before in zip(later, first[inverse[later]], strict=True)
            if self._annotation(int(number)).id == self._annotation(int(before)).id
        ]

    def _group_starts(self, media: NDArray[np.uint64]) -> Iterator[int]:
        """Where in the order groups begin."""
        count = size = 0
        for place, number in enumerate(self._order):
            own = self._spool.size(int(number))
            same = place > 0 and media[place] == media[place - 1]
            if not same or count == MOST_ANNOTATIONS or size + own > MOST_BYTES:
                count = size = 0
                yield place
            count, size = count + 1, size + own


def _by_first(hashes: NDArray[np.uint64], numbers: Numbers) -> tuple[Numbers, NDArray[np.uint64]]:
    """Numbers sorted so that equal hashes are neighbours, in the order of their first ones; and their hashes."""
    kept = hashes[numbers]
    _, first, inverse = np.unique(kept, return_index=True, return_inverse=True)
    order = np.argsort(first[inverse], kind="stable")
    return numbers[order], kept[order]


def _hashed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
