"""Which plugins a run is made with, and what to say where one of them is not loaded."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.components import components_of
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.plugin_record import PluginRecord
from multigraft.core.registry.registry import Registry

KEY = "made_with"
"""Where environment.json and graft.json keep it."""


def plugins_in_use(recipe: Recipe, registry: Registry) -> dict[str, dict[str, Any]]:
    """The plugins whose components a recipe names or that act during a run: version, where they come from, what of
    them is used. `file` is the one given by `--plugin`, a hint for people: no file is imported for a recipe or a run.
    """
    uses: dict[str, list[str]] = {}
    for used in components_of(recipe):
        found = registry.find(used.kind, used.options.kind)
        uses.setdefault(found.plugin.name, []).append(f"{used.kind}/{found.component.name} {found.component.version}")
    return {
        plugin.name: {
            "version": plugin.version,
            **_origin(plugin),
            "components": sorted(set(uses.get(plugin.name, ()))),
            "run_hooks": list(plugin.run_hooks),
        }
        for plugin in registry.loaded
        if plugin.name in uses or plugin.run_hooks
    }


def refuse_absent_plugins(what: Path, made_with: Mapping[str, Any], registry: Registry, resuming: bool = False) -> None:
    """Refuse to use a run without the plugins whose components it needs; to resume it, also without those that act
    during a run, unless they are switched off by `--no-plugin`.

    Raises:
        MultigraftError: which plugins, and how to give them.
    """
    if lines := absent_plugins(what, made_with, registry, resuming):
        raise MultigraftError("\n".join(lines))


def absent_plugins(
    what: Path | str, made_with: Mapping[str, Any], registry: Registry, resuming: bool = False
) -> list[str]:
    """A line for each plugin that `refuse_absent_plugins` would name."""
    lines = [line for name, facts in made_with.items() for line in _lack(name, facts, registry, resuming)]
    return [f"{what} was made with {line}" for line in lines]


def made_with_of(run_folder: Path) -> dict[str, Any]:
    """What environment.json of a run folder says; nothing where it is missing, older or damaged."""
    try:
        found = json.loads((run_folder / "environment.json").read_text(encoding="utf-8"))[KEY]
        return {name: dict(facts) for name, facts in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _origin(plugin: PluginRecord) -> dict[str, str]:
    if plugin.from_file:
        return {"file": str(Path(plugin.source).resolve())}
    return {"distribution": plugin.distribution}


def _lack(name: str, facts: Mapping[str, Any], registry: Registry, resuming: bool) -> Iterator[str]:
    records = registry.plugins_named(name)
    off = bool(records) and all(record.state == "off" for record in records)
    needed = facts.get("components") or (resuming and facts.get("run_hooks") and not off)
    if not needed or any(record.state == "loaded" for record in records):
        return
    version = f" {facts['version']}" if facts.get("version") else ""
    head = f"plugin {name!r}{version}, which "
    if off:
        yield f"{head}is switched off by --no-plugin; leave that out"
    elif records:
        yield f"{head}did not load: {records[0].told_error}; see `multigraft plugins doctor`"
    elif "file" in facts:
        yield f"{head}is not loaded; give its file: --plugin {_shown(Path(facts['file']))}"
    else:
        yield f"{head}is not installed; pip install {facts.get('distribution') or name}"


def _shown(file: Path) -> str:
    return str(file) if file.is_file() else f"{file.name} (it was {file}, which is not there any more)"
