"""Reads fields of an indexed shard."""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from zlib_ng.zlib_ng import crc32

from multigraft.core.data.index import AnnotationPlace, ShardIndex, index_path
from multigraft.core.data.indexing import load_index, renew_index, stamp_of
from multigraft.core.data.open_file import OpenFile, kept_open
from multigraft.core.data.records import LARGEST_RECORD, RECORD_FIELD, annotated, parse_json
from multigraft.core.errors import BadSample, MultigraftError, legible
from multigraft.core.types.annotation import Annotation, parse_annotation, parse_head, read_annotation

if TYPE_CHECKING:
    from multigraft.core.data.media_apart import MediaApart

_OPEN_SHARDS = 1024

Content = tuple[int, int] | str
"""Checksum and bytes of a field, by which equal ones are found anywhere; the name of a medium that lies apart."""


class Shard:
    """A local shard and its index.

    Args:
        path: of the tar.
        index: as `load_index` gives it; loaded if left out.
        media: where media lie that samples have no fields for, of a shard whose media lie apart.
    """

    def __init__(self, path: Path, index: ShardIndex | None = None, media: "MediaApart | None" = None) -> None:
        self.path, self.folder, self.media = path, path.parent, media
        self.index = load_index(path) if index is None else index

    @property
    def name(self) -> str:
        """Its path, as in `skipped.jsonl`."""
        return str(self.path)

    @property
    def address(self) -> str:
        """Where others can fetch it, secrets and all; empty where it is the file at `path`."""
        return ""

    def read(self, sample: int, field: str, largest: int = LARGEST_RECORD) -> bytes:
        """The bytes of a field, or of a medium that lies apart.

        Raises:
            BadSample: `missing field`, `too large` or `wrong crc`, or what is wrong with a medium that lies apart.
            MultigraftError: it is another shard by now, or the index is another shard's.
        """
        place = self.index.file(sample, field)
        if place is None:
            return self._read_apart(sample, field, largest)
        if place.size > largest:
            raise BadSample("too large", f"{field} has {place.size} bytes, more than {largest}")
        return self._read(place.offset, place.size, place.crc, field)

    def content(self, sample: int, field: str) -> Content | None:
        """What a field holds, without reading it; None where it is not there, or cannot be used."""
        place = self.index.file(sample, field)
        if place is not None:
            return place.crc, place.size
        try:
            return field if self.media and self.media.place.has(field) else None
        except BadSample:
            return None

    def annotation(self, row: int) -> Annotation:
        """The annotation in a row of the index.

        Raises:
            BadSample: as `annotation_at`.
            MultigraftError: as `read`.
        """
        return self.annotation_at(self.index.annotation(row))

    def annotation_at(self, place: AnnotationPlace) -> Annotation:
        """An annotation, read without the others of its record.

        Raises:
            BadSample: `bad annotation`, `wrong crc`.
            MultigraftError: as `read`.
        """
        if not place.size:
            return self._bad_annotation(place.sample, place.position)
        text = self._read(place.start, place.size, place.crc, RECORD_FIELD)
        return read_annotation(text, self.index.head.sources[place.source], place.position)

    def sample(self, row: int) -> int:
        """Number of the sample that an annotation belongs to."""
        return self.index.annotation(row).sample

    def _read_apart(self, sample: int, field: str, largest: int) -> bytes:
        if self.media is None:
            raise self._missing(sample, field)
        data = self.media.place.read(field)
        if len(data) > largest:
            raise BadSample("too large", legible(f"{field} has {len(data)} bytes, more than {largest}"))
        return data

    def _missing(self, sample: int, field: str) -> BadSample:
        """What to say of a field that a sample lacks."""
        if field != RECORD_FIELD and self._lies_apart(sample):
            told = "lies apart from this shard: give the source in the recipe, such as `{table: FILE, media: FOLDER}`"
            return BadSample("media apart", legible(f"{field} {told}"))
        have = ", ".join(self.index.fields_of(sample))
        return BadSample("missing field", legible(f"no {field}; the sample has {have}"))

    def _lies_apart(self, sample: int) -> bool:
        try:
            return parse_head(annotated(parse_json(self.read(sample, RECORD_FIELD)))).apart
        except BadSample:
            return False

    def _bad_annotation(self, sample: int, position: int) -> Annotation:
        """What is wrong with an annotation that the index could not take; its record says it."""
        record = annotated(parse_json(self.read(sample, RECORD_FIELD)))
        return parse_annotation(parse_head(record), record["annotations"][position], position)

    def _read(self, offset: int, size: int, crc: int, field: str) -> bytes:
        try:
            data = self._file().read(offset, size)
        except OSError as error:
            raise MultigraftError(f"cannot read the shard {self.path}: {error.strerror}") from None
        if crc32(data) != crc:
            raise self._differs(field)
        return data

    def _file(self) -> OpenFile:
        """The tar, open for reading.

        Raises:
            OSError: it cannot be opened.
        """
        return kept_open(self.path, self.index.stamp)

    def _differs(self, field: str) -> BadSample:
        """What to say of a field whose checksum is wrong.

        Raises:
            MultigraftError: the shard is another one than when it was opened, or the index was that of another one of
                the same size and time, and was made anew.
        """
        if stamp_of(self.path) != self.index.stamp:
            raise MultigraftError(f"the shard {self.path} was changed while it was being read")
        if self._replaced:
            raise MultigraftError(
                f"the index of the shard {self.path} was stale: the shard was replaced by another one of the same size "
                "and time; the index is made anew now, so start again"
            )
        return BadSample("wrong crc", f"{field} differs from the shard's index; the shard is damaged: {self._advice}")

    @property
    def _advice(self) -> str:
        return f"fetch it again, or remove {index_path(self.path).name} if the file is right"

    @cached_property
    def _replaced(self) -> bool:
        return renew_index(self.path, self.index) is not None


def open_shard(path: Path) -> Shard:
    """The shard at a path as it is now; the most recently used ones stay in memory."""
    return _shard(path, stamp_of(path))


@lru_cache(maxsize=_OPEN_SHARDS)
def _shard(path: Path, stamp: tuple[int, int]) -> Shard:
    return Shard(path)
