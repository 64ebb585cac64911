"""Command groups that know their commands by name and import one only when it is called."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from multigraft.core.cli.verbs import GROUPS, VERBS
from multigraft.core.component import Command, import_name
from multigraft.core.errors import MultigraftError
from multigraft.core.nearest import did_you_mean
from multigraft.core.registry import Registry, load_registry

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def registry_of(context: click.Context) -> Registry:
    """The registry of this call; `--plugin` and `--no-plugin` before the verb decide what is in it."""
    root = context.find_root()
    if root.obj is None:
        root.obj = load_registry(root.params.get("plugin", ()), root.params.get("no_plugin", ()))
    return root.obj  # type: ignore[no-any-return]


class LazyGroup(click.Group):
    """The commands at a path, ours and the plugins'; ours win."""

    path: tuple[str, ...] = ()

    def commands_below(self, context: click.Context) -> dict[str, str]:
        """Help by name of the commands and groups at this path."""
        found: dict[str, str] = {}
        depth = len(self.path)
        for command in (*VERBS, *registry_of(context).commands):
            if command.path[:depth] == self.path and len(command.path) > depth:
                path = command.path[: depth + 1]
                found.setdefault(path[-1], command.help if path == command.path else GROUPS.get(path, "More commands"))
        return found

    def list_commands(self, context: click.Context) -> list[str]:
        """Names at this path."""
        return list(self.commands_below(context))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import the command of that name, or make the group of the longer paths."""
        path = (*self.path, name)
        every = [*VERBS, *registry_of(context).commands]
        for command in every:
            if command.path == path:
                return _imported(command)
        if any(command.path[: len(path)] == path for command in every):
            group = LazyGroup(name, help=GROUPS.get(path))
            group.path = path
            return group
        return None

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown command is told with the nearest known one."""
        if not args[0].startswith("-") and self.get_command(context, args[0]) is None:
            context.fail(f"no command {args[0]!r}; {did_you_mean(args[0], self.list_commands(context))}")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_below(context).items()))


def _imported(command: Command) -> click.Command:
    try:
        found = import_name(command.build)
    except ImportError as error:
        raise MultigraftError(f"command {' '.join(command.path)!r} cannot be loaded: {error}") from error
    if not isinstance(found, click.Command):
        raise MultigraftError(f"command {' '.join(command.path)!r}: {command.build} is no click command")
    return found


def with_overrides(command: Decorated) -> Decorated:
    """Add `--set KEY.KEY=VALUE`, repeatable, given as `overrides`."""
    help_text = "Override one key of the recipe, such as train.steps=100; may be repeated."
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=help_text)(command)


def with_json(command: Decorated) -> Decorated:
    """Add `--json`, given as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(command)
