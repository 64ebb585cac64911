"""`multigraft init [FILE]`."""

import os
from pathlib import Path

import click

from multigraft.core.cli.lazy import registry_of
from multigraft.core.errors import MultigraftError

_STARTER = "starter"


@click.command(epilog="Example: multigraft init my-recipe.yaml")
@click.argument("file", type=click.Path(path_type=Path), default="recipe.yaml")
@click.pass_context
def init(context: click.Context, file: Path) -> None:
    """Write a recipe with every key, its help and its default to FILE (recipe.yaml)."""
    from multigraft.core.atomic import write_text
    from multigraft.core.recipe.loading import load_recipe
    from multigraft.core.recipe.writing import write_template

    registry = registry_of(context)
    text = write_template(load_recipe(_STARTER, (), registry), registry)
    head = f"# A recipe of multigraft, with every key. Look it over with: multigraft check {file}\n"
    if os.path.lexists(file):
        raise MultigraftError(f"{file} is there already; give another name: multigraft init FILE")
    write_text(file, head + text)
    click.echo(str(file))
