"""Options of the built-in sources."""

from typing import Any

from pydantic import Field, field_validator

from multigraft import Annotation, SourceOptions, did_you_mean

FIELDS = tuple(Annotation.model_fields)
"""What a column may be."""


class TableOptions(SourceOptions):
    """A table: CSV, TSV, JSON, JSON lines, Parquet, or a folder of a Hugging Face data set."""

    map: dict[str, list[str]] = Field({}, validate_default=False)
    """What columns are: from a column, with dots for what lies deeper, to a field of an annotation, or several. If left
    out, columns that have the name of a field are that field. Columns of one list field add up in this order."""
    records: str = ""
    """Of a JSON file that is no list: the key, with dots for what lies deeper, under which the list of rows stands."""
    separator: str = ""
    """What stands between items where a text is a list; if left out, a text is one item."""
    split: str = ""
    """Of a Hugging Face data set with several splits: which one."""

    @field_validator("map", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {column: [fields] if isinstance(fields, str) else fields for column, fields in value.items()}

    @field_validator("map")
    @classmethod
    def _known(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for column, fields in value.items():
            for field in fields:
                if field not in FIELDS:
                    raise ValueError(f"column {column!r} cannot be {field!r}; {did_you_mean(field, FIELDS)}")
        return value
