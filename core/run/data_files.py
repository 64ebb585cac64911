"""Whether the shards and sources that a recipe names are there."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tarfile import is_tarfile

from multigraft.core.data.manifest import missing_data
from multigraft.core.data.paths import expand_each, named_paths
from multigraft.core.data.remote.address import fault_of, is_remote
from multigraft.core.options.names import DataPath
from multigraft.core.options.options import DataEntry
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.options.words import written_text
from multigraft.core.recipe.components import Location, walk
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.registry.component import Command
from multigraft.core.suggest import nearest_file


def will_be_made(recipe: Recipe) -> bool:
    """Whether the recipe names a command that makes its data, and they are not all there yet."""
    return recipe.data.make is not None and bool(missing_data(Path(recipe.data.root)))


def named_command(text: str, commands: Iterable[Command]) -> Command | None:
    """The command that `data.make` begins with; what follows are its arguments."""
    words = text.split()
    return next((each for each in commands if tuple(words[: len(each.path)]) == each.path), None)


def missing_files(recipe: Recipe, document: RecipeFile) -> Iterator[Problem]:
    """A problem for each pattern whose shards are not all there, and for each file and folder of a source."""
    if will_be_made(recipe):
        return
    root = Path(recipe.data.root)
    if not root.is_dir() and all(_starts_at_root(path) for path in _paths(recipe)):
        wrong = "is no folder" if root.exists() else f"is not there{nearest_file(root)}"
        yield document.problem(
            ("data", "root"), f"the folder {root} {wrong}", _hint(recipe, "paths of shards start there")
        )
        return
    relative = f"relative paths start at data.root, which is {recipe.data.root!r}"
    for name, task in recipe.tasks.items():
        for split, entries in task.data.items():
            for index, entry in enumerate(entries):
                for place, message in _missing_of(entry, root, recipe.data.allow_pipes):
                    short = isinstance(document.data["tasks"][name].get("data"), list)
                    key = ("data",) if short else ("data", split)
                    yield document.problem(("tasks", name, *key, index, *place), message, _hint(recipe, relative))


def _paths(recipe: Recipe) -> Iterator[str]:
    for task in recipe.tasks.values():
        for entries in task.data.values():
            for entry in entries:
                yield from (path for _, path in _paths_of(entry))


def _paths_of(entry: DataEntry) -> Iterator[tuple[Location, str]]:
    """The paths and patterns that an entry of a split names, with their places in it."""
    if isinstance(entry, SourceOptions):
        for found in walk(entry):
            if found.mark(DataPath) and isinstance(found.value, str) and found.value:
                yield entry.place_of(found.location), found.value
    else:
        yield (), entry


def _missing_of(entry: DataEntry, root: Path, allow_pipes: bool) -> Iterator[tuple[Location, str]]:
    for place, path in _paths_of(entry):
        of_source = isinstance(entry, SourceOptions)
        if message := _missing_path(path, root) if of_source else _missing(path, root, allow_pipes):
            yield place, message


def _missing_path(pattern: str, root: Path) -> str:
    try:
        named = named_paths(pattern, root)
    except ValueError as error:
        return str(error)
    absent = [each for each in named if not each.exists()]
    if absent:
        return f"{absent[0]} is not there{nearest_file(absent[0])}"
    return "" if named else f"no file {root / pattern}"


def _starts_at_root(pattern: str) -> bool:
    return not is_remote(pattern) and not Path(pattern).is_absolute()


def _missing(pattern: str, root: Path, allow_pipes: bool) -> str:
    if is_remote(pattern):
        return fault_of(pattern, allow_pipes)
    try:
        named = expand_each(pattern, root)
    except ValueError as error:
        return str(error)
    absent = [shard for _, shards in named for shard in shards if not shard.is_file()]
    for path, shards in named:
        if not shards:
            return f"no file {path}" if "*" in path.name else f"no *.tar in the folder {path}"
    strange = next((path for _, shards in named for path in shards if path.is_file() and not _may_be_tar(path)), None)
    if strange:
        table = f"{{table: {written_text(pattern)}}}"
        return f"{strange} is no tar; a table is written {table}, with `media` and `map` as they are needed"
    more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    return f"no file {absent[0]}{more}" if absent else ""


def _may_be_tar(path: Path) -> bool:
    """Whether a file that is named as a shard is one, by its ending or by what is in it; a broken tar has its own
    errors."""
    return path.suffix.lower() == ".tar" or is_tarfile(path)


def _hint(recipe: Recipe, otherwise: str) -> str:
    return f"`multigraft {recipe.data.make}` makes them" if recipe.data.make else otherwise
