"""What plugins can do where further packages are installed: which of these are there, and how to get the rest."""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions, version
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from multigraft.core.registry.component import Component
from multigraft.core.registry.hookspecs import KINDS
from multigraft.core.registry.registry import Registry, missing_modules, noun, pip_line, trouble_of

_PROBE = "multigraft.core.testing.module_probe"


@dataclass(frozen=True)
class Choice:
    """A component, or an extra of a plugin's distribution, that needs further packages."""

    kind: str
    """What a component of its kind is called, or `extra of DISTRIBUTION`."""
    name: str
    state: Literal["there", "broken", "missing"]
    """`broken` is what is installed, and of no use."""
    packages: dict[str, str]
    """Versions of what it needs, by the name of a distribution; empty where it is missing, or has none."""
    trouble: str
    """Why it cannot be used; empty where it can."""
    fix: str
    """The command that brings what it needs; empty where it can be used."""


def choices(registry: Registry) -> list[Choice]:
    """Components by kind, then extras that no component names; what is there first. Packages are imported, in a
    process of its own."""
    found = [(kind, one.component) for kind in KINDS for one in registry.registrations(kind) if one.component.requires]
    troubles = _troubles(sorted({name for _, component in found for name in component.requires}))
    made = [_of_component(kind, component, troubles) for kind, component in found]
    named = {component.extra for _, component in found}
    loaded = [plugin.distribution for plugin in registry.plugins if plugin.state == "loaded" and plugin.distribution]
    for name in dict.fromkeys(loaded):
        made += _extras(name, named)
    kinds = list(dict.fromkeys(each.kind for each in made))
    order = ("there", "broken", "missing")
    return sorted(made, key=lambda each: (kinds.index(each.kind), order.index(each.state), each.name))


def _of_component(kind: str, component: Component, troubles: dict[str, str]) -> Choice:
    missing, fix = missing_modules(component), pip_line(component)
    if missing:
        trouble = f"{', '.join(missing)} not installed"
    else:
        trouble = "; ".join(troubles[name] for name in component.requires if troubles[name])
    if not trouble and (trouble := trouble_of(component)):
        fix = ""  # which it says itself
    return _choice(noun(kind), component.name, _versions(component.requires), trouble, bool(missing), fix)


def _choice(kind: str, name: str, packages: dict[str, str], trouble: str, missing: bool, fix: str) -> Choice:
    state: Literal["broken", "missing"] = "missing" if missing else "broken"
    return Choice(kind, name, state if trouble else "there", packages, trouble, fix if trouble else "")


def _versions(modules: Collection[str]) -> dict[str, str]:
    """A module that no distribution brings has a name of its own, and no version."""
    by_module, found = packages_distributions(), dict[str, str]()
    for module in modules:
        names = by_module.get(module.partition(".")[0], ())
        found |= {name: version(name) for name in dict.fromkeys(names)} or {module: ""}
    return found


def _troubles(modules: list[str]) -> dict[str, str]:
    """Why modules that are installed cannot be imported, by name; where an import ends the process, that is told."""
    command = [sys.executable, "-m", _PROBE, *modules]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, check=False)
    found = dict[str, str]()
    for line in done.stdout.splitlines():
        if line.startswith(b"{"):
            found |= json.loads(line)
    rest = [name for name in modules if name not in found]
    if rest:
        found[rest[0]] = f"importing {rest[0]} ends the process with {done.returncode}"
        found |= _troubles(rest[1:]) if rest[1:] else {}
    return found


def _extras(name: str, named: Collection[str]) -> Iterator[Choice]:
    """Those of a distribution whose packages no other extra brings whole: the rest are bundles of these."""
    try:
        wanted = _requirements(distribution(name))
    except PackageNotFoundError:
        return
    for extra, needed in wanted.items():
        bundle = any(set(other) < set(needed) for other in wanted.values() if other)
        if needed and not bundle and f"{name}[{extra}]" not in named:
            packages = {package: _version(package) for package in needed}
            trouble = "; ".join(filter(None, (_wrong(each, packages[package]) for package, each in needed.items())))
            missing, fix = not all(packages.values()), f"pip install '{name}[{extra}]'"
            yield _choice(f"extra of {name}", extra, packages, trouble, missing, fix)


def _requirements(of: Distribution) -> dict[str, dict[str, Requirement]]:
    """By extra, then by package; what this system has no need of is left out."""
    found: dict[str, dict[str, Requirement]] = {extra: {} for extra in of.metadata.get_all("Provides-Extra") or ()}
    for line in of.requires or ():
        each = Requirement(line)
        for extra in found:
            marked = each.marker and not each.marker.evaluate({"extra": ""})
            if marked and each.marker and each.marker.evaluate({"extra": extra}):
                found[extra][canonicalize_name(each.name)] = each
    return found


def _wrong(requirement: Requirement, found: str) -> str:
    if not found:
        return f"{requirement.name} not installed"
    fits = requirement.specifier.contains(found, prereleases=True)
    return "" if fits else f"{requirement.name} {found} is not {requirement.specifier}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
