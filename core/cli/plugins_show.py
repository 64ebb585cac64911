"""`multigraft plugins show NAME`."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import click

from multigraft.core.cli.lazy import registry_of, with_json
from multigraft.core.cli.option_list import options_of
from multigraft.core.cli.plugins_list import plugin_facts, trouble
from multigraft.core.errors import MultigraftError
from multigraft.core.registry.plugin_record import PluginRecord
from multigraft.core.registry.registry import Registration, Registry, missing_requirement


@click.command("show", epilog="Example: multigraft plugins show multigraft")
@click.argument("name")
@with_json
@click.pass_context
def show_plugin(context: click.Context, name: str, as_json: bool) -> None:
    """Show the components of plugin NAME: options with help, type and default, source, and what is missing for them."""
    registry = registry_of(context)
    plugin = registry.require_plugin(name)[0]
    components = [_component_facts(one, registry) for one in _registrations(plugin, registry)]
    if as_json:
        click.echo(json.dumps({**plugin_facts(plugin), "components": components}, indent=2))
        return
    click.echo(f"{plugin.name} {plugin.version} ({plugin.state}) from {plugin.distribution or plugin.source}")
    for line in trouble(plugin):
        click.echo(line)
    for facts in components:
        click.echo("\n".join(_lines(facts)))


def _registrations(plugin: PluginRecord, registry: Registry) -> Iterator[Registration]:
    for kind in dict.fromkeys(kind for kind, _ in plugin.components):
        yield from (one for one in registry.registrations(kind) if one.plugin is plugin)


def _component_facts(registration: Registration, registry: Registry) -> dict[str, Any]:
    component = registration.component
    facts = {
        "kind": registration.kind,
        "name": registry.shortest_name(registration),
        "version": component.version,
        "build": component.build,
        "missing": missing_requirement(component),
    }
    try:
        model = registry.options(registration.kind, registration.full_name)
    except MultigraftError as error:
        return {**facts, "error": str(error)}
    options = list(options_of(model, registry))
    return {
        **facts,
        "help": inspect.getdoc(model),
        "source": f"{inspect.getsourcefile(model)}:{inspect.getsourcelines(model)[1]}",
        "options": {each.name: each.help for each in options},
        "types": {each.name: each.type for each in options},
        "defaults": {each.name: each.default for each in options if not each.required},
    }


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    yield f"\n{facts['kind']}: {facts['name']} (version {facts['version']})"
    for key in ("help", "missing", "error", "source"):
        if facts.get(key):
            yield f"  {facts[key]}"
    for name, text in facts.get("options", {}).items():
        default = f"default: {facts['defaults'][name]}" if name in facts["defaults"] else "must be given"
        yield f"    {name}: {text}"
        yield f"        {facts['types'][name]}; {default}"
