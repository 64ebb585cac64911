"""Command groups that know their commands by name and import one only when it is called."""

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, TypeVar

import click

from multigraft.core.cli.verbs import GROUPS, VERBS
from multigraft.core.errors import MultigraftError
from multigraft.core.registry.component import Command, import_name
from multigraft.core.registry.own_frame import own_frame, told
from multigraft.core.registry.plugin_loading import load_plugins, refuse_failed_files
from multigraft.core.registry.plugin_record import PluginRecord
from multigraft.core.registry.registry import Registry
from multigraft.core.suggest import did_you_mean, nearest_file

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
PLUGIN_OPTIONS = (
    click.Option(
        ["--plugin"],
        type=click.Path(path_type=Path),
        multiple=True,
        is_eager=True,
        metavar="FILE",
        help="Load a plugin file; may be repeated, before the verb or after it.",
    ),
    click.Option(
        ["--no-plugin"],
        multiple=True,
        is_eager=True,
        metavar="NAME",
        help="Leave out a plugin or a distribution; may be repeated, before the verb or after it.",
    ),
)
_LOOKING = "plugins"
"""The group that looks at plugins, and so also at those that failed."""


def registry_of(context: click.Context) -> Registry:
    """The registry of this call; `--plugin` and `--no-plugin` decide what is in it.

    Raises:
        MultigraftError: a plugin file does not load, unless the verb is one that looks at plugins.
    """
    root = context.find_root()
    if root.obj is None:
        plugins = load_plugins(root.params.get("plugin", ()), root.params.get("no_plugin", ()))
        if root.invoked_subcommand != _LOOKING:
            refuse_failed_files(plugins)
            _tell_faults([plugin for plugin in plugins if plugin.from_file])
        root.obj = Registry(plugins)
    return root.obj  # type: ignore[no-any-return]


def _tell_faults(plugins: Sequence[PluginRecord]) -> None:
    for plugin in plugins:
        for fault in plugin.faults:
            click.echo(f"--plugin {plugin.source}: {fault}", err=True)


def plugin_options_first(words: Sequence[str]) -> list[str]:
    """The words of a command line with `--plugin FILE` and `--no-plugin NAME` moved before the verb.

    So they are known when the verb is looked for, which a plugin may bring. Words after `--` stay where they are.
    """
    names = [option.opts[0] for option in PLUGIN_OPTIONS]
    end = words.index("--") if "--" in words else len(words)
    front: list[str] = []
    rest: list[str] = []
    place = 0
    while place < end:
        word = words[place]
        size = 2 if word in names and place + 1 < end else 1
        moved = size == 2 or word.startswith(tuple(f"{name}=" for name in names))
        (front if moved else rest).extend(words[place : place + size])
        place += size
    return [*front, *rest, *words[end:]]


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
        return self._among(VERBS, path) or self._among(registry_of(context).commands, path)

    def _among(self, commands: Sequence[Command], path: tuple[str, ...]) -> click.Command | None:
        for command in commands:
            if command.path == path:
                return _with_plugin_options(_imported(command))
        if any(command.path[: len(path)] == path for command in commands):
            group = LazyGroup(path[-1], help=GROUPS.get(path))
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
    module = command.build.partition(":")[0]
    try:
        found = import_name(command.build)
    except (Exception, SystemExit) as error:  # a third party's module may fail in any way
        place = own_frame(error, module)
        text = f"command {' '.join(command.path)!r} cannot be loaded: {told(error)}{place and f' (at {place})'}"
        raise MultigraftError(text) from error
    if not isinstance(found, click.Command):
        raise MultigraftError(f"command {' '.join(command.path)!r}: {command.build} is no click command")
    return found


def _with_plugin_options(command: click.Command) -> click.Command:
    """The command with the options that every verb understands in its help; the root has taken their values."""
    known = {name for parameter in command.params for name in parameter.opts}
    added = [_shown_only(option) for option in PLUGIN_OPTIONS if option.opts[0] not in known]
    shown = copy(command)
    shown.params = [*command.params, *added]
    return shown


def _shown_only(option: click.Option) -> click.Option:
    shown = copy(option)
    shown.expose_value = False
    return shown


class ExistingFile(click.Path):
    """A file that must be there; where it is not, what is called like it."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """As click does, with the nearest name in its error."""
        try:
            return super().convert(value, parameter, context)
        except click.BadParameter as error:
            message = error.message.rstrip(".") + nearest_file(Path(value))
            raise click.BadParameter(message, context, parameter) from None


def with_overrides(command: Decorated) -> Decorated:
    """Add `--set KEY.KEY=VALUE`, repeatable, given as `overrides`."""
    help_text = "Override one key of the recipe, such as train.steps=100; may be repeated."
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=help_text)(command)


def with_json(command: Decorated) -> Decorated:
    """Add `--json`, given as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(command)
