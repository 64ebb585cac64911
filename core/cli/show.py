"""`multigraft show RECIPE`."""

import json
import sys
from typing import TYPE_CHECKING

import click

from multigraft.core.cli.lazy import registry_of, with_json, with_overrides

if TYPE_CHECKING:
    from multigraft.core.model.summary import ModelSummary
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.registry.registry import Registry


@click.command(epilog="Example: multigraft show quickstart --set train.steps=100")
@click.argument("recipe")
@with_overrides
@click.option("--shape", is_flag=True, help="Print the recipe alone, and plan nothing.")
@with_json
@click.pass_context
def show(context: click.Context, recipe: str, overrides: tuple[str, ...], shape: bool, as_json: bool) -> None:
    """Print RECIPE, a file or the name of a shipped recipe, with all defaults filled in, its sites, and who owns what.

    No weights are loaded: the graft is planned on the meta device. The recipe goes to stdout, the sites that each
    method acts at and the owners of what it trains there to stderr; with --json all of it goes to stdout.
    """
    from multigraft.core.recipe.loading import load_recipe
    from multigraft.core.recipe.writing import dump_recipe

    registry = registry_of(context)
    loaded = load_recipe(recipe, overrides, registry)
    planned = None if shape else _planned(loaded, registry)
    if as_json:
        facts = planned.to_json() if planned else {}
        click.echo(json.dumps({"recipe": loaded.model_dump(mode="json"), **facts}, indent=2))
        return
    click.echo(dump_recipe(loaded).rstrip("\n"))
    if planned:
        from multigraft.core.cli.console import console
        from multigraft.core.cli.owner_table import owner_table, site_table

        if planned.sites:
            console(sys.stderr).print(site_table(planned))
        console(sys.stderr).print(owner_table(planned))


def _planned(recipe: "Recipe", registry: "Registry") -> "ModelSummary":
    from multigraft.core.model.summary import summarize_model

    return summarize_model(recipe, registry)
