"""What the published sets have in common: rows to annotations, and what cannot be used in their place."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from multigraft import Annotation, BadSample, Dropped, Source, SourceOptions
from multigraft.plugins.sources.files import existing_files, labels
from multigraft.plugins.sources.json_rows import object_rows
from multigraft.plugins.sources.row import BrokenRow, TableRow
from multigraft.plugins.sources.values import text_of


class RowSource(Source, ABC):
    """Rows of files, one file after the other; media lie beside the first."""

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self.files = tuple(existing_files(options.files))
        self.media = (self.files[0].parent,)

    @abstractmethod
    def of_row(self, values: Mapping[str, Any]) -> Iterable[Annotation]:
        """The annotations of a row.

        Raises:
            BadSample: it cannot be used.
        """

    def rows(self, path: Path) -> Iterator[TableRow | BrokenRow]:
        """The rows of a file: JSON lines, or a list of objects."""
        return object_rows(path)

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Annotations with the ids `SET#ID`, behind the first `#` as the set itself has it.

        Raises:
            MultigraftError: a file has not the published form.
        """
        for path, label in zip(self.files, labels(self.files), strict=True):
            for row in self.rows(path):
                yield from self.made(f"{label}#{row.number}", row)

    def made(self, name: str, row: TableRow | BrokenRow) -> list[Annotation | Dropped]:
        """What is made of a row, called `name` where it cannot be used."""
        if isinstance(row, BrokenRow):
            return [Dropped(name, "bad row", row.detail, row.rows)]
        try:
            return [*self.of_row(row.values)]
        except BadSample as error:
            return [Dropped(name, error.reason, error.detail)]


def text_at(values: Mapping[str, Any], key: str) -> str:
    """A text, or a number as it is written.

    Raises:
        BadSample: `bad row`, without one, or where it is empty.
    """
    if values.get(key) is None:
        raise BadSample("bad row", f"it has no {key!r}")
    text = text_of(values[key]).strip()
    if not text:
        raise BadSample("bad row", f"its {key!r} is empty")
    return text


def objects_at(values: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects.

    Raises:
        BadSample: `bad row`, if it is none.
    """
    found = values.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadSample("bad row", f"its {key!r} is no list of objects")
    return found
