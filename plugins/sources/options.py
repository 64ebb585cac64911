"""Options of the built-in sources."""

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, field_serializer, field_validator

from multigraft import Annotation, SourceOptions, did_you_mean, nearest_name

FIELDS = tuple(Annotation.model_fields)
"""What a column may be."""


class TableOptions(SourceOptions):
    """A table: CSV, TSV, JSON, JSON lines, Parquet, or a folder of a Hugging Face data set."""

    map: dict[str, list[str]] = Field({}, validate_default=False)
    """What columns are: from a column, with dots for what lies deeper, to a field of an annotation, or several. If left
    out, columns that have the name of a field are that field. Columns of one list field add up in this order."""
    records: str = ""
    """Of a JSON file that is no list: the key, with dots for what lies deeper, under which the list of rows stands."""
    delimiter: str = Field("", max_length=1)
    """What stands between the cells of a CSV or TSV file; if left out, a comma or a tab."""
    separator: str = ""
    """What stands between items where a text is a list; if left out, a text is one item."""
    media_name: str = Field("{}", pattern=r"^[^{}]*\{(:0[0-9]+)?\}[^{}]*$")
    """How a medium is called whose column holds `{}`, such as `{}.jpg`, or `COCO_val2014_{:012}.jpg`, with zeros in
    front up to 12 characters."""
    split: str = ""
    """Of a Hugging Face data set with several splits: which one."""

    @field_validator("delimiter")
    @classmethod
    def _stands_between_cells(cls, value: str) -> str:
        if value in ('"', "\r", "\n"):
            raise ValueError(f"{value!r} has another meaning in a table than to stand between cells")
        return value

    @field_validator("map", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {column: [fields] if isinstance(fields, str) else fields for column, fields in value.items()}

    @field_serializer("map", mode="wrap")
    def _one_as_written(self, columns: dict[str, list[str]], write: SerializerFunctionWrapHandler) -> Any:
        return {column: fields[0] if len(fields) == 1 else fields for column, fields in write(columns).items()}

    @field_validator("map")
    @classmethod
    def _known(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        _refuse_reversed(value)
        for column, fields in value.items():
            for field in fields:
                if field not in FIELDS:
                    raise ValueError(f"column {column!r} cannot be {field!r}; {did_you_mean(field, FIELDS)}")
        return value


def _refuse_reversed(given: dict[str, list[str]]) -> None:
    """Refuse a map from fields to columns.

    Raises:
        ValueError: it is one, with the right form.
    """
    turned: dict[str, list[str]] = {}
    for field, columns in given.items():
        for column in columns:
            turned.setdefault(column, []).append(field)
    strange = next((column for column in turned if not nearest_name(column, FIELDS)), None)
    if strange is None or not set(given) <= set(FIELDS):
        return
    words = ",".join(f"{column}={field}" for column, fields in turned.items() for field in fields)
    lists = {column: ", ".join(fields) for column, fields in turned.items()}
    keys = ", ".join(f"{column}: {f'[{told}]' if ', ' in told else told}" for column, told in lists.items())
    raise ValueError(
        f"{strange!r} is no field; if it is a column, this is the wrong way round, since columns come before fields: "
        f"{words} or, in a recipe, {{{keys}}}; fields: {', '.join(FIELDS)}"
    )


class LlavaOptions(SourceOptions):
    """Conversations about pictures or videos, in the form of LLaVA's training data, as JSON or JSON lines."""

    history: bool = False
    """Whether the turns before a question are its context."""


class CocoOptions(SourceOptions):
    """Captions or objects of pictures, in the form of COCO's JSON files; captions are answers and references, objects
    answers."""

    question: str = ""
    """Text of all annotations."""


class ImagesOptions(SourceOptions):
    """A folder with a folder of pictures for each class, whose name is the answer."""

    question: str = ""
    """Text of all annotations."""
    names: dict[str, str] = Field({})
    """What classes are called, by folder; a folder left out is called as it is."""
