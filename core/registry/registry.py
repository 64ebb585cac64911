"""Names to components: what is installed, what a name in a recipe means, and building it."""

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multigraft.core.errors import ComponentError, MultigraftError
from multigraft.core.options.lookup import look_up_by_default
from multigraft.core.registry.component import Command, Component, RecipeFolder, import_name
from multigraft.core.registry.hookspecs import KINDS
from multigraft.core.registry.own_frame import own_frame, told
from multigraft.core.registry.plugin_loading import load_plugins, new_plugin_manager, refuse_failed_files
from multigraft.core.registry.plugin_record import PluginRecord
from multigraft.core.registry.run_hooks import RunHookRelay
from multigraft.core.suggest import did_you_mean

if TYPE_CHECKING:
    from multigraft.core.options.base import Options

_NOUNS = {"sharing": "sharing rule"}


@dataclass(frozen=True)
class Registration:
    """A component and the plugin that brings it."""

    plugin: PluginRecord
    kind: str
    component: Component

    @property
    def full_name(self) -> str:
        """`plugin/name`, which always works in a recipe."""
        return f"{self.plugin.name}/{self.component.name}"


def noun(kind: str) -> str:
    """What one component of a kind is called: `visual_encoders` gives `visual encoder`."""
    return _NOUNS.get(kind, kind.removesuffix("s").replace("_", " "))


class Registry:
    """The components, commands, recipe folders and run hooks of a set of plugins."""

    def __init__(self, plugins: Sequence[PluginRecord]) -> None:
        self.plugins = tuple(plugins)
        self.loaded = tuple(plugin for plugin in self.plugins if plugin.state == "loaded")
        self._registrations: dict[str, list[Registration]] = {kind: [] for kind in KINDS}
        manager = new_plugin_manager()
        for plugin in self.loaded:
            manager.register(plugin.plugin, plugin.name)
            for kind, component in plugin.components:
                self._registrations[kind].append(Registration(plugin, kind, component))
        self.hooks = RunHookRelay(manager)
        self.commands: tuple[Command, ...] = tuple(one for plugin in self.loaded for one in plugin.commands)
        self.recipe_folders: tuple[RecipeFolder, ...] = tuple(
            one for plugin in self.loaded for one in plugin.recipe_folders
        )

    def versions(self) -> dict[str, str]:
        """The version of each plugin that is loaded, by name."""
        return {plugin.name: plugin.version for plugin in self.loaded}

    def plugins_named(self, name: str) -> list[PluginRecord]:
        """The records of a plugin: several where several distributions bring one of this name, none if unknown."""
        return [plugin for plugin in self.plugins if plugin.name == name]

    def require_plugin(self, name: str) -> list[PluginRecord]:
        """The records of a plugin that is installed, whether it loaded or not.

        Raises:
            ComponentError: there is none of this name.
        """
        if found := self.plugins_named(name):
            return found
        hint = did_you_mean(name, [plugin.name for plugin in self.plugins])
        raise ComponentError(f"no plugin named {name!r} is installed", hint)

    def require_loaded(self, name: str, kind: str = "") -> None:
        """Refuse to go on without a plugin.

        Args:
            kind: of the component of it that is wanted, if one is.

        Raises:
            ComponentError: it is not installed, or did not load.
        """
        records = self.require_plugin(name)
        if all(record.state != "loaded" for record in records):
            told = records[0].told_of_kind(kind)
            raise ComponentError(f"plugin {name!r} did not load: {told}", "see `multigraft plugins doctor`")

    def registrations(self, kind: str) -> tuple[Registration, ...]:
        """Everything registered as a kind, built-ins first."""
        return tuple(self._registrations[kind])

    def names(self, kind: str) -> list[str]:
        """The shortest name of each component that a recipe may use."""
        return sorted(self.shortest_name(one) for one in self._registrations[kind])

    def shortest_name(self, registration: Registration) -> str:
        """The bare name where it means this component, else `plugin/name`."""
        meant = self._meant_by(registration.kind, registration.component.name)
        return registration.component.name if meant == [registration] else registration.full_name

    def find(self, kind: str, name: str) -> Registration:
        """The component that a name in a recipe means.

        Raises:
            ComponentError: unknown or ambiguous, or its plugin did not load.
        """
        found = self._meant_by(kind, name)
        if len(found) == 1:
            return found[0]
        if found:
            full_names = " or ".join(repr(one.full_name) for one in found)
            raise ComponentError(f"several plugins bring the {noun(kind)} {name!r}", f"write {full_names}")
        plugin_name, slash, _ = name.partition("/")
        if slash:
            self.require_loaded(plugin_name, kind)
        hint = "; ".join([did_you_mean(name, self.names(kind)), *self._absent_plugins(kind)])
        raise ComponentError(f"no {noun(kind)} named {name!r}", hint)

    def options(self, kind: str, name: str) -> "type[Options]":
        """The options model of a component.

        Raises:
            ComponentError: as `find`, or the model cannot be imported.
        """
        from multigraft.core.options.base import Options

        registration = self.find(kind, name)
        model = self._imported(registration, registration.component.config)
        if not (isinstance(model, type) and issubclass(model, Options)):
            raise ComponentError(
                f"{self._title(registration)}: {registration.component.config} is no subclass of Options",
                "tell its author",
            )
        return model

    def full_name(self, kind: str, name: str) -> str:
        """`plugin/name` of a component.

        Raises:
            ComponentError: as `find`.
        """
        return self.find(kind, name).full_name

    def component(self, kind: str, options: "Options") -> Component:
        """The component that validated options belong to."""
        return self.find(kind, options.kind).component

    def build(self, kind: str, options: "Options", **context: Any) -> Any:
        """Build a component: `build(options, **context)`, imported on first use.

        Raises:
            ComponentError: something it requires is not installed, or its module cannot be imported.
        """
        registration = self.find(kind, options.kind)
        missing = missing_requirement(registration.component)
        if missing:
            raise ComponentError(missing, "")
        build = self._imported(registration, registration.component.build)
        with _naming(registration):
            return build(options, **context)

    def _meant_by(self, kind: str, name: str) -> list[Registration]:
        if kind not in self._registrations:
            raise ComponentError(f"no kind of component named {kind!r}", did_you_mean(kind, KINDS))
        every = self._registrations[kind]
        if "/" in name:
            return [one for one in every if one.full_name == name]
        same = [one for one in every if one.component.name == name]
        return [one for one in same if one.plugin.built_in] or same

    def _absent_plugins(self, kind: str) -> list[str]:
        absent = [plugin for plugin in self.plugins if plugin.state in ("failed", "off", "wrong API")]
        faulty = [(plugin.name, fault) for plugin in self.plugins for fault in plugin.faults if not plugin.components]
        return [
            *(f"plugin {plugin.name!r} did not load: {plugin.told_of_kind(kind)}" for plugin in absent),
            *(f"plugin {name!r}: {fault.message}; {fault.fix}" for name, fault in faulty),
        ]

    def _imported(self, registration: Registration, dotted: str) -> Any:
        try:
            return import_name(dotted)
        except (Exception, SystemExit) as error:  # a third party's module may fail in any way
            reason = str(error) if isinstance(error, ImportError) else told(error)
            place = own_frame(error, registration.plugin.module)
            message = f"{self._title(registration)} cannot be loaded: {reason}{place and f' (at {place})'}"
            raise ComponentError(message, "see `multigraft plugins doctor`") from error

    def _title(self, registration: Registration) -> str:
        return f"{noun(registration.kind)} {registration.full_name!r}"


@contextmanager
def _naming(registration: Registration) -> Iterator[None]:
    """Add a note to an error that a plugin did not mean to raise: which plugin, building what, its own last line."""
    try:
        yield
    except MultigraftError:
        raise
    except Exception as error:
        plugin, name = registration.plugin, registration.component.name
        place = own_frame(error, plugin.module)
        error.add_note(f"raised by plugin {plugin.name!r} building {name!r}{place and f', at {place}'}")
        raise


def missing_requirement(component: Component) -> str:
    """What a component needs and is not there, with what mends it; empty if it can be used."""
    missing = missing_modules(component)
    if missing:
        return f"{component.name} needs {', '.join(missing)}: {pip_line(component)}"
    trouble = trouble_of(component)
    return f"{component.name} cannot be used here: {trouble}" if trouble else ""


def missing_modules(component: Component) -> list[str]:
    """Modules that a component needs and that are not installed."""
    return [name for name in component.requires if not _importable(name)]


def trouble_of(component: Component) -> str:
    """What a component whose modules are installed says itself of why it cannot be used here."""
    try:
        return str(import_name(component.trouble)()) if component.trouble else ""
    except Exception as error:  # a third party's function may fail in any way
        return told(error)


def pip_line(component: Component) -> str:
    """The command that brings what a component needs."""
    wanted = f"'{component.extra}'" if component.extra else " ".join(component.requires)
    return f"pip install {wanted}"


def _importable(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def load_registry(plugin_files: Sequence[Path] = (), disabled: Sequence[str] = ()) -> Registry:
    """What is installed, plus one-file plugins, minus plugins switched off by plugin or distribution name.

    Raises:
        MultigraftError: an unknown name in `disabled`, or a file that does not load.
    """
    plugins = load_plugins(plugin_files, disabled)
    refuse_failed_files(plugins)
    return Registry(plugins)


@lru_cache(maxsize=1)
def default_registry() -> Registry:
    """What is installed."""
    return load_registry()


look_up_by_default(default_registry)
