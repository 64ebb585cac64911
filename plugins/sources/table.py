"""`table`: a row is an annotation."""

from collections.abc import Iterator
from itertools import chain, islice

from multigraft import Annotation, BadSample, Dropped, Source
from multigraft.plugins.sources.files import existing, labels
from multigraft.plugins.sources.forms import rows_of
from multigraft.plugins.sources.mapping import ColumnMap
from multigraft.plugins.sources.options import TableOptions
from multigraft.plugins.sources.row import BrokenRow, TableRow

_FIRST = 1000
"""Rows in which a column must come up."""


class TableSource(Source):
    """Rows of files of any form, one file after the other; media lie beside the first."""

    def __init__(self, options: TableOptions) -> None:
        self._options = options
        self.files = tuple(existing(options.files))
        self.media = (self.files[0].parent,)

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """An annotation a row, with the id `FILE#NUMBER` where no column is an id.

        Raises:
            OptionError: `map` names a column that is not there.
            MultigraftError: a file cannot be read.
        """
        for path, label in zip(self.files, labels(self.files), strict=True):
            rows = rows_of(path, self._options)
            first = list(islice(rows, _FIRST))
            columns = ColumnMap(self._options, [row.values for row in first if isinstance(row, TableRow)])
            yield from (_annotation(columns, row, f"{label}#{row.number}") for row in chain(first, rows))


def _annotation(columns: ColumnMap, row: TableRow | BrokenRow, name: str) -> Annotation | Dropped:
    if isinstance(row, BrokenRow):
        return Dropped(name, "bad row", row.detail)
    try:
        return columns.annotation(row.values, name)
    except BadSample as error:
        return Dropped(name, error.reason, error.detail)


def build(options: TableOptions) -> TableSource:
    """The source of tables."""
    return TableSource(options)
