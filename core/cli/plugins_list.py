"""`multigraft plugins list`."""

import json
from collections import Counter
from typing import Any

import click

from multigraft.core.cli.lazy import registry_of, with_json
from multigraft.core.plugin_loading import PluginRecord


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
        "import_milliseconds": round(plugin.import_milliseconds, 1),
        "components": components,
        "commands": [" ".join(command.path) for command in plugin.commands],
        "recipes": [folder.package for folder in plugin.recipe_folders],
    }


def _print_table(plugins: tuple[PluginRecord, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("plugin", "state", "distribution", "version", "import", "brings")
    for plugin in plugins:
        counts = Counter(kind for kind, _ in plugin.components)
        brings = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items())
        milliseconds = f"{plugin.import_milliseconds:.0f} ms"
        cells = (plugin.name, plugin.state, plugin.distribution, plugin.version, milliseconds, plugin.error or brings)
        table.add_row(*cells)
    Console().print(table)
