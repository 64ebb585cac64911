"""`table`: a row is an annotation."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING

from multigraft import Annotation, BadSample, Dropped, OptionError, Source
from multigraft.plugins.sources.embedded import EmbeddedMedia
from multigraft.plugins.sources.files import existing, labels
from multigraft.plugins.sources.forms import arrow_rows, has_header, holds_arrow, open_arrow_file, text_form, text_rows
from multigraft.plugins.sources.hugging_face import data_files
from multigraft.plugins.sources.mapping import ColumnMap
from multigraft.plugins.sources.options import TableOptions
from multigraft.plugins.sources.row import BrokenRow, TableRow

if TYPE_CHECKING:
    from multigraft.plugins.sources.arrow_file import ArrowFile

_FIRST = 1000
"""Rows by which columns are checked before the others are read."""
_OPEN = 4
"""Parquet or Arrow files at a time."""


class TableSource(Source):
    """Rows of files of any form, one file after the other; media lie beside the first."""

    def __init__(self, options: TableOptions) -> None:
        self._options = options
        given = existing(options.files)
        self.files = tuple(
            file for path in given for file in (data_files(path, options.split) if path.is_dir() else [path])
        )
        self.media = (given[0] if given[0].is_dir() else given[0].parent,)
        self._arrow = {number: file for number, file in enumerate(self.files) if holds_arrow(file)}
        self._refuse_unused([path.is_dir() for path in given])
        self._opened = lru_cache(_OPEN)(open_arrow_file)
        self.embedded = EmbeddedMedia(self._open) if self._arrow else None

    def _refuse_unused(self, folders: Sequence[bool]) -> None:
        """Refuse an option that no file has a use for.

        Raises:
            OptionError: there is one.
            MultigraftError: the form of a file is not known.
        """
        forms = {text_form(file) for number, file in enumerate(self.files) if number not in self._arrow}
        uses = {
            "delimiter": (bool(forms & {"csv", "tsv"}), "no file is CSV or TSV"),
            "records": ("json" in forms, "no file is JSON, other than JSON lines"),
            "split": (any(folders), "no folder of a data set is given"),
        }
        for name, (used, why) in uses.items():
            if getattr(self._options, name) and not used:
                raise OptionError((name,), f"it is not used: {why}", "leave it out")

    def _open(self, number: int) -> "ArrowFile | None":
        return self._opened(self._arrow[number]) if number in self._arrow else None

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """An annotation a row, with the id `FILE#NUMBER` where no column is an id.

        Raises:
            OptionError: `map` names a column that is not there.
            MultigraftError: a file cannot be read.
        """
        for number, (path, label) in enumerate(zip(self.files, labels(self.files), strict=True)):
            arrow = self._open(number)
            rows = text_rows(path, self._options) if arrow is None else arrow_rows(arrow, number)
            first = list(islice(rows, _FIRST))
            complete = len(first) < _FIRST or (arrow is None and has_header(path))
            columns = ColumnMap(self._options, [row.values for row in first if isinstance(row, TableRow)], complete)
            yield from (_annotation(columns, row, f"{label}#{row.number}") for row in chain(first, rows))
            columns.require_all()


def _annotation(columns: ColumnMap, row: TableRow | BrokenRow, name: str) -> Annotation | Dropped:
    if isinstance(row, BrokenRow):
        return Dropped(name, "bad row", row.detail, row.rows)
    try:
        return columns.annotation(row.values, name)
    except BadSample as error:
        return Dropped(name, error.reason, error.detail)


def build(options: TableOptions) -> TableSource:
    """The source of tables."""
    return TableSource(options)
