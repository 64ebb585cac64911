"""Loading recipes: a file, or the name of a shipped one, to a validated `Recipe`."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from multigraft.core.errors import ComponentError, MultigraftError
from multigraft.core.recipe.explain import problems_of
from multigraft.core.recipe.problems import Problem, RecipeError
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.registry.registry import Registry, default_registry
from multigraft.core.suggest import did_you_mean, nearest_file


def load_recipe(path: Path | str, overrides: Sequence[str] = (), registry: Registry | None = None) -> Recipe:
    """A recipe from a file, or a shipped one by its name (`quickstart`), with `--set` overrides.

    Args:
        overrides: `KEY.KEY=VALUE`, such as `train.steps=100`.
        registry: what is installed if left out.

    Raises:
        RecipeError: with every problem in it.
        MultigraftError: there is no such recipe.
    """
    registry = registry or default_registry()
    return validate(read_recipe_file(path, overrides, registry), registry)


def read_recipe_file(path: Path | str, overrides: Sequence[str], registry: Registry) -> RecipeFile:
    """The recipe as written, for those who want to point at places in it.

    Raises:
        RecipeError: no YAML mapping, or an override that cannot be put in.
        MultigraftError: there is no such recipe.
    """
    return RecipeFile(find_recipe(path, registry), overrides)


def validate(document: RecipeFile, registry: Registry) -> Recipe:
    """The recipe that is written in a file.

    Raises:
        RecipeError: with every problem in it.
    """
    problems = list(_absent_plugins(document, registry))
    try:
        recipe = Recipe.model_validate(document.data, context={"registry": registry})
    except ValidationError as error:
        raise RecipeError([*problems, *problems_of(error, document, Recipe, registry)]) from None
    if problems:
        raise RecipeError(problems)
    return recipe


def find_recipe(path: Path | str, registry: Registry) -> Path:
    """The file of a recipe that is given by its path or by the name of a shipped one.

    Raises:
        MultigraftError: there is neither.
    """
    if Path(path).is_file():
        return Path(path)
    shipped = shipped_recipes(registry)
    name = str(path).removesuffix(".yaml")
    if name in shipped:
        return shipped[name]
    if (Path(path) / "recipe.yaml").is_file():
        raise MultigraftError(f"{path} is a run folder; its recipe is {Path(path) / 'recipe.yaml'}")
    raise MultigraftError(
        f"no recipe {str(path)!r}: no such file{nearest_file(Path(path))}, and no shipped recipe; "
        f"{did_you_mean(name, shipped)}"
    )


def shipped_recipes(registry: Registry) -> dict[str, Path]:
    """The recipes that plugins ship, by name (`quickstart`, `controls/blind`); ours win where names are equal."""
    found: dict[str, Path] = {}
    for folder in registry.recipe_folders:
        root = Path(str(files(folder.package)))
        for path in sorted(root.rglob("*.yaml")):
            found.setdefault(path.relative_to(root).with_suffix("").as_posix(), path)
    return found


def _absent_plugins(document: RecipeFile, registry: Registry) -> Iterator[Problem]:
    section = document.data.get("plugins")
    wanted = section.get("require") if isinstance(section, dict) else None
    for index, name in enumerate(wanted if isinstance(wanted, list) else []):
        try:
            registry.require_loaded(str(name))
        except ComponentError as error:
            yield document.problem(("plugins", "require", index), error.message, error.hint)
