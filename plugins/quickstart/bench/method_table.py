"""The rows of a benchmark as they are written: a YAML file of names, overrides and rates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, Field, ValidationError

from multigraft import MultigraftError, Section, did_you_mean

SHIPPED = Path(__file__).with_name("methods.yaml")
_Rate = Annotated[float, Field(gt=0)]
_Rates = Annotated[list[_Rate], Field(min_length=1)]


def _file_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) is None:
        raise ValueError(f"{name!r} names a file too: letters, digits, dots and dashes")
    return name


class WrittenRow(Section):
    """One row of the file."""

    like: str | None = None
    """A row whose overrides come first."""
    overrides: list[str] = Field([], alias="set")
    """`KEY.KEY=VALUE`, as `--set` takes them."""
    rates: _Rates | None = None
    """Learning rates to choose from; those of the whole table if left out."""
    trained: bool = True
    """Whether the row makes any step."""


class MethodTable(Section):
    """The whole file."""

    rates: _Rates
    """Learning rates to choose from."""
    rows: dict[Annotated[str, AfterValidator(_file_name)], WrittenRow] = Field(min_length=1)
    """Rows by name."""
    rules: dict[str, str] = Field({})
    """Sharing rules that need options, as `graft.sharing` takes them, by name."""

    def overrides(self, name: str, above: tuple[str, ...] = ()) -> tuple[str, ...]:
        """What a row changes in the recipe.

        Raises:
            MultigraftError: it is like a row that is not there, or like itself.
        """
        row = self.rows.get(name)
        if row is None or name in above:
            wrong = "is like itself" if row else f"is like {name!r}, and there is no such row"
            raise MultigraftError(f"row {above[0]!r} {wrong}; {did_you_mean(name, self.rows)}")
        return (*(self.overrides(row.like, (*above, name)) if row.like else ()), *row.overrides)


@dataclass(frozen=True)
class Row:
    """A method with a sharing rule, and what it changes in the recipe."""

    name: str
    overrides: tuple[str, ...]
    rates: tuple[float, ...]
    trained: bool = True


def read_methods(path: Path = SHIPPED) -> MethodTable:
    """The table in a file.

    Raises:
        MultigraftError: it cannot be read, or something in it is wrong.
    """
    try:
        return MethodTable.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MultigraftError(f"{path} cannot be read: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise MultigraftError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def written_rows(table: MethodTable) -> Iterator[Row]:
    """The rows of a table, in its order.

    Raises:
        MultigraftError: one is like a row that is not there, or like itself.
    """
    for name, row in table.rows.items():
        yield Row(name, table.overrides(name), tuple(row.rates or table.rates), row.trained)
