"""What is wrong with the plugins that are installed, and how to mend it."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from multigraft.core.registry.component import import_name
from multigraft.core.registry.hookspecs import KINDS
from multigraft.core.registry.own_frame import own_frame, told
from multigraft.core.registry.plugin_record import PluginRecord
from multigraft.core.registry.registry import Registration, Registry, missing_requirement, noun
from multigraft.core.testing.conformance import check_component

_SLOW_MILLISECONDS = 200
_PROBE = "multigraft.core.testing.import_probe"
_PLUGIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a plugin."""

    level: Literal["error", "warning"]
    plugin: str
    message: str
    fix: str
    place: str = ""
    """The plugin's own line that it comes from, as `FILE:LINE: code`, where it is known."""
    changes: tuple[str, ...] = ()
    """What became of the contracts that it was made for."""

    def __str__(self) -> str:
        place = f" (at {self.place})" if self.place else ""
        return "\n  ".join([f"{self.level}: {self.plugin}: {self.message}{place}; {self.fix}", *self.changes])


def diagnose(registry: Registry, reserved: frozenset[tuple[str, ...]] = frozenset()) -> list[Finding]:
    """All findings, by plugin; `reserved` are the paths of commands that plugins cannot have.

    Components are imported, which may take seconds.
    """
    found = [*_not_loaded(registry), *_faults(registry), *_name_clashes(registry)]
    found += _command_clashes(registry, reserved)
    for plugin in registry.plugins:
        if plugin.state == "loaded":
            found += [*_imports(plugin), *_components(plugin, registry), *_commands(plugin)]
    order = [plugin.name for plugin in registry.plugins]
    return sorted(found, key=lambda finding: order.index(finding.plugin))


def _not_loaded(registry: Registry) -> Iterator[Finding]:
    fixes = {
        "failed": "tell its author, or leave it out with --no-plugin",
        "wrong API": "install a version made for this multigraft",
        "duplicate": "uninstall one of the two distributions, or leave one out with --no-plugin",
    }
    for plugin in registry.plugins:
        if plugin.state in fixes:
            message = f"{plugin.state}: {plugin.error}"
            yield Finding(
                "error", plugin.name, message, fixes[plugin.state], plugin.place, tuple(plugin.told_changes())
            )


def _faults(registry: Registry) -> Iterator[Finding]:
    for plugin in registry.plugins:
        for fault in plugin.faults if plugin.state != "off" else ():
            yield Finding("error", plugin.name, fault.message, fault.fix, fault.place)
        if plugin.state == "loaded" and not _PLUGIN_NAME.fullmatch(plugin.name):
            message = f"its name {plugin.name!r} is hard to write in recipes and on the command line"
            fix = "use letters, digits, `-`, `_` and `.`; " + (
                "rename the file" if plugin.from_file else "tell its author"
            )
            yield Finding("error", plugin.name, message, fix)


def _name_clashes(registry: Registry) -> Iterator[Finding]:
    for kind in KINDS:
        by_name: dict[str, list[Registration]] = defaultdict(list)
        for one in registry.registrations(kind):
            by_name[one.component.name].append(one)
        for same in by_name.values():
            yield from _clash(same, kind) if len(same) > 1 else ()


def _clash(same: list[Registration], kind: str) -> Iterator[Finding]:
    others = [one for one in same if not one.plugin.built_in]
    if len(others) < len(same):
        for one in others:
            message = f"{noun(kind)} {one.component.name!r} has the name of a built-in, which keeps it"
            yield Finding("warning", one.plugin.name, message, f"write {one.full_name!r} in recipes")
    else:
        names = " and ".join(repr(one.full_name) for one in others)
        message = f"{noun(kind)} {others[0].component.name!r} is in several plugins: {names}"
        yield Finding("error", others[0].plugin.name, message, "write the full name in recipes, or uninstall one")


def _command_clashes(registry: Registry, reserved: frozenset[tuple[str, ...]]) -> Iterator[Finding]:
    owners: dict[tuple[str, ...], str] = dict.fromkeys(reserved, "multigraft itself")
    for plugin in registry.plugins:
        for command in plugin.commands:
            if command.path in owners:
                message = f"command {' '.join(command.path)!r} belongs to {owners[command.path]}, and is never reached"
                yield Finding("error", plugin.name, message, "tell its author to rename it")
            owners.setdefault(command.path, f"plugin {plugin.name!r}")


def _imports(plugin: PluginRecord) -> Iterator[Finding]:
    heavy = heavy_imports_of(plugin)
    if heavy:
        message = f"loading it or its options imports {', '.join(heavy)}"
        yield Finding("error", plugin.name, message, "import that in the module that `build` names")
    if plugin.import_milliseconds > _SLOW_MILLISECONDS:
        message = f"importing it takes {plugin.import_milliseconds:.0f} ms"
        yield Finding("warning", plugin.name, message, "import less at its top")


def heavy_imports_of(plugin: PluginRecord) -> list[str]:
    """Heavy modules that a fresh process has after importing a plugin and the options of its components."""
    options = [] if plugin.from_file else [component.config for _, component in plugin.components]
    command = [sys.executable, "-m", _PROBE, plugin.source, *dict.fromkeys(options)]
    try:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return list(json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL, env=environment)))
    except (subprocess.CalledProcessError, ValueError):
        return []  # what cannot be imported is a finding of the conformance checks


def _components(plugin: PluginRecord, registry: Registry) -> Iterator[Finding]:
    for kind in dict.fromkeys(kind for kind, _ in plugin.components):
        for one in registry.registrations(kind):
            if one.plugin is plugin:
                yield from _component(one, registry)


def _component(registration: Registration, registry: Registry) -> Iterator[Finding]:
    plugin, title = registration.plugin, f"{noun(registration.kind)} {registration.component.name!r}"
    missing = missing_requirement(registration.component)
    if missing and not plugin.built_in:  # whose optional packages are optional
        message, _, fix = missing.partition(": ")
        yield Finding("error", plugin.name, f"{title}: {message}", fix)
    try:
        for line in check_component(registration, registry, deep=not plugin.built_in):
            yield Finding("error", plugin.name, f"{title}: {line}", "tell its author")
    except (Exception, SystemExit) as error:  # a third party's component may fail in any way
        place = own_frame(error, plugin.module)
        yield Finding(
            "error", plugin.name, f"{title}: it fails when it is checked: {told(error)}", "tell its author", place
        )


def _commands(plugin: PluginRecord) -> Iterator[Finding]:
    for command in plugin.commands:
        try:
            import_name(command.build)
        except (Exception, SystemExit) as error:  # a third party's module may fail in any way
            message = f"command {' '.join(command.path)!r} cannot be imported: {told(error)}"
            yield Finding("error", plugin.name, message, "tell its author", own_frame(error, plugin.module))
