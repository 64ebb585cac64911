"""Which columns of a table are which fields of an annotation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from multigraft import Annotation, OptionError, did_you_mean
from multigraft.plugins.sources.annotating import annotation_of
from multigraft.plugins.sources.json_rows import has_no_lists
from multigraft.plugins.sources.options import FIELDS, TableOptions
from multigraft.plugins.sources.values import MISSING, answers_of, at, number_of, numbers_of, text_of, texts_of

_LISTS = ("choices", "references", "answers", "media", "span")

_NAMES = ("id", "task")
"""Of which an empty one is none."""

_FILE_NAME = "file_name"
"""What a medium is called in the metadata of Hugging Face's folders of pictures."""


class ColumnMap:
    """Makes annotations of rows.

    Args:
        rows: the first of the table.
        complete: whether these have all columns that any row has.

    Raises:
        OptionError: a column of `map` is not there and cannot come up later, or none is a field.
    """

    def __init__(self, options: TableOptions, rows: Sequence[Mapping[str, Any]], complete: bool) -> None:
        self._options = options
        self._known = list(dict.fromkeys(name for row in rows for name in _columns(row)))
        self._columns = dict(self._of_map() if options.map else self._by_name())
        self._awaited = [column for column in options.map if all(at(row, column) is MISSING for row in rows)]
        """Columns that no row had so far."""
        if complete:
            self.require_all()

    def annotation(self, values: Mapping[str, Any], name: str) -> Annotation:
        """The annotation of a row.

        Args:
            name: its id, where no column gives one.

        Raises:
            BadSample: `bad row`.
        """
        fields: dict[str, Any] = {"id": name}
        if self._awaited:
            self._awaited = [column for column in self._awaited if at(values, column) is MISSING]
        for field, columns in self._columns.items():
            held = [value for each in columns if (value := at(values, each)) is not MISSING and value is not None]
            if held and not (field in _NAMES and held[0] == ""):
                fields[field] = self._value(field, held)
        return annotation_of(self._options, **fields)

    def require_all(self) -> None:
        """Refuse a column of `map` that no row had.

        Raises:
            OptionError: there is one.
        """
        for column in self._awaited:
            each = (
                "each of them needs =FIELD; "
                if not {part.strip() for part in column.split(",")}.isdisjoint(self._known)
                else ""
            )
            hint = each + did_you_mean(column, self._known)
            raise OptionError(("map", column), f"there is no column {column!r}", hint)

    def _value(self, field: str, held: Sequence[Any]) -> Any:
        """What a field gets of the columns that hold something."""
        separator = self._options.separator
        if field == "answers":
            return [each for value in held for each in answers_of(value, separator)]
        if field == "span":
            return [each for value in held for each in numbers_of(value, separator)]
        if field == "media":
            return [called(self._options.media_name, each) for value in held for each in texts_of(value, separator)]
        if field in _LISTS:
            return [each for value in held for each in texts_of(value, separator)]
        return number_of(held[0]) if field == "weight" else text_of(held[0])

    def _of_map(self) -> Iterator[tuple[str, list[str]]]:
        given = self._options.map
        for field in FIELDS:
            columns = [column for column, fields in given.items() if field in fields]
            if len(columns) > 1 and field not in _LISTS:
                raise OptionError(("map",), f"columns {', '.join(columns)} cannot all be {field!r}, which is one value")
            if columns:
                yield field, columns

    def _by_name(self) -> Iterator[tuple[str, list[str]]]:
        """Every field, as a column may come up in any row."""
        known = self._known
        if known and not set(FIELDS) & set(known):
            hint = f"say what they are by `map`, such as {known[0]}=text; fields: {', '.join(FIELDS)}"
            raise OptionError(("map",), f"no column has the name of a field: {', '.join(known)}", hint)
        if _FILE_NAME in known and "media" not in known:
            hint = f"say what columns are by `map`, such as {_FILE_NAME}=media"
            raise OptionError(("map",), f"column {_FILE_NAME!r} is no field, and no column is 'media'", hint)
        return ((field, [field]) for field in FIELDS)


def is_row(options: TableOptions, value: Mapping[str, Any]) -> bool:
    """Whether an object that is all of a JSON file is a row: it has columns, or nothing but values, and no list of
    objects besides."""
    columns = {each for column in options.map or FIELDS for each in (column, column.partition(".")[0])}
    others = {name: held for name, held in value.items() if name not in columns}
    plain = not any(isinstance(held, list | dict) for held in others.values())
    return plain or (has_no_lists(others) and len(others) < len(value))


def called(form: str, value: str) -> str:
    """A name with a value in the place of `{}` or `{:012}`."""
    before, _, rest = form.partition("{")
    width, _, behind = rest.partition("}")
    return before + value.zfill(int(width.removeprefix(":") or 0)) + behind


def _columns(row: Mapping[str, Any]) -> Iterator[str]:
    """Names of the columns of a row, and with dots of what lies in them."""
    for name, value in row.items():
        yield name
        below = value[0] if isinstance(value, list) and value else value
        if isinstance(below, dict):
            yield from (f"{name}.{deeper}" for deeper in _columns(below))
