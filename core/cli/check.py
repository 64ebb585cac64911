"""`multigraft check RECIPE`."""

import json
from dataclasses import asdict

import click

from multigraft.core.cli.lazy import registry_of, with_json, with_overrides
from multigraft.core.config.problems import RecipeError

_BAD_INPUT = 2


@click.command(epilog="Example: multigraft check quickstart --set train.steps=100")
@click.argument("recipe")
@with_overrides
@with_json
@click.pass_context
def check(context: click.Context, recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Find every problem of RECIPE, a file or the name of a shipped recipe; exit code 2 if there is one."""
    from multigraft.core.checks import check_recipe

    try:
        check_recipe(recipe, overrides, registry_of(context))
    except RecipeError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"recipe": recipe, "problems": [asdict(one) for one in error.problems]}, indent=2))
        context.exit(_BAD_INPUT)
    click.echo(json.dumps({"recipe": recipe, "problems": []}) if as_json else f"{recipe}: no problems found")
