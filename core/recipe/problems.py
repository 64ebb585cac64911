"""Problems of a recipe: where, what, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from multigraft.core.errors import MultigraftError

COMMAND_LINE = "command line"
_INDENT = "    "


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a recipe."""

    file: str
    """Path of the recipe, or `command line` for what `--set` gave."""
    line: int
    """From 1; on the command line it is 0."""
    col: int
    """From 1, in characters."""
    path: str
    """Keys joined by dots, such as `tasks.vqa.data`."""
    message: str
    hint: str = ""
    source: str = ""
    """The text of the line."""

    def __str__(self) -> str:
        place = self.file if self.file == COMMAND_LINE else f"{self.file}:{self.line}:{self.col}"
        head = ": ".join(part for part in (place, self.path, self.message) if part)
        if not self.source:
            return "\n".join([head, *([f"{_INDENT}{self.hint}"] if self.hint else [])])
        caret = " " * (self.col - 1) + f"^ {self.hint}".rstrip()
        return f"{head}\n{_INDENT}{self.source}\n{_INDENT}{caret}"

    def order(self) -> tuple[bool, int, int, str]:
        """Sorting key: the file's problems by place, then those of the command line."""
        return self.file == COMMAND_LINE, self.line, self.col, self.path


class RecipeError(MultigraftError):
    """A recipe that cannot be used, with all its problems in the order of their lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=Problem.order))
        super().__init__("\n".join(str(problem) for problem in self.problems))
