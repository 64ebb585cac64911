"""Filling a recipe's data folder by the command that it names."""

from pathlib import Path

import click

from multigraft.core.data.manifest import missing_data
from multigraft.core.errors import MultigraftError
from multigraft.core.locking import next_writer
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.component import import_name
from multigraft.core.registry.registry import Registry
from multigraft.core.run.data_files import named_command
from multigraft.core.suggest import did_you_mean


def make_data(recipe: Recipe, registry: Registry, write_nothing: bool = False) -> None:
    """Run `data.make` with `data.root` as its argument, if that folder has no manifest or lacks what it names.

    Who finds another process making them waits, and takes what it made.

    Raises:
        MultigraftError: no plugin has such a command, or data are to be made and nothing may be written.
    """
    root, wanted = Path(recipe.data.root), recipe.data.make
    if wanted is None or not (lacking := missing_data(root)):
        return
    named = named_command(wanted, registry.commands)
    if named is None:
        known = [" ".join(each.path) for each in registry.commands]
        raise MultigraftError(f"`data.make: {wanted}`: no such command; {did_you_mean(wanted, known)}")
    if write_nothing:
        raise MultigraftError(f"{root} {lacking}, and a dry run writes nothing: `multigraft {wanted} {root}`")
    command: click.Command = import_name(named.build)
    arguments = wanted.split()[len(named.path) :]
    with next_writer(root):
        if not (lacking := missing_data(root)):
            return
        click.echo(f"{root} {lacking}: making it by `multigraft {wanted} {root}`", err=True)
        command.main([str(root), *arguments], prog_name=f"multigraft {' '.join(named.path)}", standalone_mode=False)
