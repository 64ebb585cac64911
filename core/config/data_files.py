"""Whether the shards that a recipe names are there."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from multigraft.core.component import Command
from multigraft.core.config.document import Document
from multigraft.core.config.problems import Problem
from multigraft.core.config.recipe import Recipe
from multigraft.core.data.manifest import lack
from multigraft.core.data.paths import expand


def will_be_made(recipe: Recipe) -> bool:
    """Whether the recipe names a command that makes its data, and they are not all there yet."""
    return recipe.data.make is not None and bool(lack(Path(recipe.data.root)))


def named_command(text: str, commands: Iterable[Command]) -> Command | None:
    """The command that `data.make` begins with; what follows are its arguments."""
    words = text.split()
    return next((each for each in commands if tuple(words[: len(each.path)]) == each.path), None)


def missing_files(recipe: Recipe, document: Document) -> Iterator[Problem]:
    """A problem for each pattern whose shards are not all there."""
    if will_be_made(recipe):
        return
    root = Path(recipe.data.root)
    for name, task in recipe.tasks.items():
        for split, patterns in task.data.items():
            for index, pattern in enumerate(patterns):
                message = _missing(pattern, root)
                if message:
                    short = isinstance(document.data["tasks"][name].get("data"), list)
                    key = ("data",) if short else ("data", split)
                    yield document.problem(("tasks", name, *key, index), message, _hint(recipe))


def _missing(pattern: str, root: Path) -> str:
    try:
        shards = expand(pattern, root)
    except ValueError as error:
        return str(error)
    absent = [shard for shard in shards if not shard.is_file()]
    if not shards:
        return f"no *.tar in the folder {root / pattern}"
    more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    return f"no file {absent[0]}{more}" if absent else ""


def _hint(recipe: Recipe) -> str:
    if recipe.data.make:
        return f"`multigraft {recipe.data.make}` makes them"
    return f"relative paths start at data.root, which is {recipe.data.root!r}"
