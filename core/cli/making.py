"""Filling a recipe's data folder by the command that it names."""

from pathlib import Path

import click

from multigraft.core.component import import_name
from multigraft.core.config.recipe import Recipe
from multigraft.core.errors import MultigraftError
from multigraft.core.nearest import did_you_mean
from multigraft.core.registry import Registry

MANIFEST = "manifest.json"


def make_data(recipe: Recipe, registry: Registry, write_nothing: bool = False) -> None:
    """Run `data.make` with `data.root` as its argument, if that folder has no manifest.

    Raises:
        MultigraftError: no plugin has such a command, or data are to be made and nothing may be written.
    """
    root, wanted = Path(recipe.data.root), recipe.data.make
    if wanted is None or (root / MANIFEST).is_file():
        return
    words = wanted.split()
    commands = {" ".join(command.path): command for command in registry.commands}
    named = next((name for name in commands if words[: len(name.split())] == name.split()), None)
    if named is None:
        raise MultigraftError(f"`data.make: {wanted}`: no such command; {did_you_mean(wanted, commands)}")
    if write_nothing:
        raise MultigraftError(f"{root} has no {MANIFEST}, and a dry run writes nothing: `multigraft {wanted} {root}`")
    click.echo(f"{root} has no {MANIFEST}: making it by `multigraft {wanted} {root}`", err=True)
    command: click.Command = import_name(commands[named].build)
    command.main([str(root), *words[len(named.split()) :]], prog_name=f"multigraft {named}", standalone_mode=False)
