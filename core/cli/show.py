"""`multigraft show RECIPE`."""

import json

import click

from multigraft.core.cli.lazy import registry_of, with_json, with_overrides


@click.command(epilog="Example: multigraft show quickstart --set train.steps=100")
@click.argument("recipe")
@with_overrides
@with_json
@click.pass_context
def show(context: click.Context, recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print RECIPE, a file or the name of a shipped recipe, with all defaults filled in."""
    from multigraft.core.config.loading import load_recipe
    from multigraft.core.config.writing import dump_recipe

    loaded = load_recipe(recipe, overrides, registry_of(context))
    text = json.dumps(loaded.model_dump(mode="json"), indent=2) if as_json else dump_recipe(loaded).rstrip("\n")
    click.echo(text)
