"""`multigraft search RECIPE [--run DIR]`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from multigraft.core.cli.lazy import registry_of, with_json, with_overrides
from multigraft.core.errors import MultigraftError

if TYPE_CHECKING:
    from rich.table import Table


@click.command(epilog="Example: multigraft search my.yaml --run runs/search && multigraft train runs/search/found.yaml")
@click.argument("recipe", required=False)
@click.option("--run", "folder", type=click.Path(path_type=Path), help="Its folder; searches/NAME if left out.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a search.")
@with_overrides
@with_json
@click.pass_context
def search(
    context: click.Context,
    recipe: str | None,
    folder: Path | None,
    resume: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find values of keys of RECIPE that its `search` section names, and write the recipe with them filled in.

    Every draw is written to draws.jsonl, the preferences over time are drawn in preferences.svg. Ctrl-C finishes the
    step under way and saves it; `--resume` goes on with the very next one. The last line on stdout is the recipe to
    train.
    """
    from multigraft.core.check.recipe_check import check_shape
    from multigraft.core.library import search_checked
    from multigraft.core.search.found import FOUND

    target = _folder(recipe, folder, resume, overrides)
    name = str(resume / "recipe.yaml") if resume else str(recipe)
    subject = check_shape(name, overrides, registry_of(context))
    report = search_checked(subject, target, resume is not None)
    if as_json:
        click.echo(json.dumps({"run": str(target), "recipe": str(target / FOUND), **report}))
        return
    _tell(report, target)
    click.echo(str(target / FOUND))


def _folder(recipe: str | None, folder: Path | None, resume: Path | None, overrides: tuple[str, ...]) -> Path:
    if (recipe is None) == (resume is None):
        raise click.UsageError("give a recipe, or a search to `--resume`, and not both")
    if resume is None:
        return folder or Path("searches") / Path(str(recipe)).stem
    if folder or overrides:
        raise click.UsageError("`--resume` goes neither with `--run` nor with `--set`")
    if not (resume / "recipe.yaml").is_file():
        raise MultigraftError(f"{resume} is not the folder of a search: it has no recipe.yaml")
    return resume


def _tell(report: Mapping[str, Any], folder: Path) -> None:
    from multigraft.core.cli.console import console

    for name, choice in report["choices"].items():
        console(sys.stderr).print(_table(name, choice))
        if choice["as_good"]:
            level = json.dumps([choice["chosen"], *choice["as_good"]])[1:-1]
            click.echo(
                f"{name}: {level} are not separated; the first was taken. Search longer, or score more", err=True
            )
    share = f"{report['share']:.1%} of what the training costs, counted in samples through the trunk"
    share += f" ({report['share_by_clock']:.0%} by the clock)"
    click.echo(f"{report['steps']:,} steps, {share}; every draw is in {folder / 'draws.jsonl'}", err=True)
    click.echo(f"Next: multigraft train {folder / 'found.yaml'}", err=True)


def _table(name: str, choice: Mapping[str, Any]) -> "Table":
    from multigraft.core.cli.console import add_row, table

    numbers = ("preference", "mean reward", "scored", "trained")
    made = table("value", *numbers, "", title=f"{name}: {', '.join(choice['keys'])}", numbers=numbers)
    columns = (choice[key] for key in ("values", "preferences", "mean_reward", "scored", "trained"))
    for value, preference, reward, scored, trained in zip(*columns, strict=True):
        mark = "chosen" if value == choice["chosen"] else "as good" if value in choice["as_good"] else ""
        add_row(made, json.dumps(value), _number(preference, 4), _number(reward, 2), scored, trained, mark)
    return made


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
