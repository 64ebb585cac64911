"""`multigraft plugins list`."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from multigraft.core.cli.lazy import registry_of, with_json
from multigraft.core.registry.plugin_record import PluginRecord
from multigraft.core.registry.registry import noun


@click.command("list", epilog="Example: multigraft plugins list --json")
@with_json
@click.pass_context
def list_plugins(context: click.Context, as_json: bool) -> None:
    """List the plugins: where they come from, whether they loaded, and what they bring."""
    plugins = registry_of(context).plugins
    if as_json:
        click.echo(json.dumps([plugin_facts(plugin) for plugin in plugins], indent=2))
    else:
        _print_table(plugins)


def plugin_facts(plugin: PluginRecord) -> dict[str, Any]:
    """A plugin as JSON values."""
    components = [{"kind": kind, "name": one.name, "version": one.version} for kind, one in plugin.components]
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state,
        "error": plugin.error,
        "place": plugin.place,
        "changes": plugin.told_changes(),
        "faults": [asdict(fault) for fault in plugin.faults],
        "import_milliseconds": round(plugin.import_milliseconds, 1),
        "components": components,
        "commands": [" ".join(command.path) for command in plugin.commands],
        "recipes": [folder.package for folder in plugin.recipe_folders],
        "run_hooks": list(plugin.run_hooks),
    }


def _print_table(plugins: tuple[PluginRecord, ...]) -> None:
    from multigraft.core.cli.console import add_row, console, table

    made = table("plugin", "state", "distribution", "version", "import", "brings")
    for plugin in plugins:
        milliseconds = f"{plugin.import_milliseconds:.0f} ms"
        cells = (plugin.name, plugin.state, plugin.distribution, plugin.version, milliseconds, _brings(plugin))
        add_row(made, *cells)
    console(sys.stdout).print(made)
    for plugin in plugins:
        for line in trouble(plugin):
            click.echo(line)


def trouble(plugin: PluginRecord) -> Iterator[str]:
    """What is wrong with a plugin, a line each; `plugins doctor` looks deeper."""
    if plugin.error:
        yield f"{plugin.name}: {plugin.state}: {plugin.told_error}"
    for line in plugin.told_changes():
        yield f"  {line}"
    for fault in plugin.faults:
        yield f"{plugin.name}: {fault}"


def _brings(plugin: PluginRecord) -> str:
    counts = Counter(kind for kind, _ in plugin.components)
    found = [f"{count} {noun(kind) if count == 1 else kind.replace('_', ' ')}" for kind, count in counts.items()]
    others = {"command": plugin.commands, "recipe folder": plugin.recipe_folders, "run hook": plugin.run_hooks}
    found += [f"{len(each)} {name}{'s' if len(each) > 1 else ''}" for name, each in others.items() if each]
    return ", ".join(found)
