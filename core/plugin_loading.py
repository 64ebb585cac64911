"""Finding and importing plugins one by one, so that a failure stays with its owner and is kept as data."""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy

from multigraft.core.component import Command, Component, RecipeFolder
from multigraft.core.errors import MultigraftError
from multigraft.core.hookspecs import DECLARING, ENTRY_POINT_GROUP, DeclaringHooks, RunHooks
from multigraft.core.nearest import did_you_mean

OUR_DISTRIBUTION = "multigraft"
State = Literal["loaded", "off", "failed", "wrong API", "duplicate"]


@dataclass(frozen=True)
class PluginRecord:
    """What became of one plugin."""

    name: str
    distribution: str
    """Distribution that brings it; the file's path for `--plugin FILE`."""
    version: str
    source: str
    """What is imported: a module's name, or a file's path."""
    state: State = "loaded"
    error: str = ""
    import_milliseconds: float = 0.0
    components: tuple[tuple[str, Component], ...] = ()
    """(kind, component) in the order the plugin gave them."""
    commands: tuple[Command, ...] = ()
    recipe_folders: tuple[RecipeFolder, ...] = ()
    plugin: Any = field(default=None, repr=False, compare=False)
    """The imported module or object; None unless loaded."""

    @property
    def built_in(self) -> bool:
        """Whether it is part of multigraft itself and so owns the bare names."""
        return self.distribution == OUR_DISTRIBUTION


def new_plugin_manager() -> pluggy.PluginManager:
    """A manager that knows our hooks."""
    manager = pluggy.PluginManager(OUR_DISTRIBUTION)
    manager.add_hookspecs(DeclaringHooks)
    manager.add_hookspecs(RunHooks)
    return manager


def load_plugins(files: Sequence[Path], disabled: Sequence[str]) -> list[PluginRecord]:
    """All plugins that are installed, then those in `files`; ours first.

    Raises:
        MultigraftError: a name in `disabled` is unknown, or one of `files` is missing or does not load.
    """
    records = _installed(disabled)
    for file in files:
        records.append(_from_file(file, records))
    known = {name for record in records for name in (record.name, record.distribution)}
    for name in disabled:
        if name not in known:
            hint = did_you_mean(name, known)
            raise MultigraftError(f"--no-plugin {name}: no plugin or distribution has this name; {hint}")
    return records


def _installed(disabled: Sequence[str]) -> list[PluginRecord]:
    records: list[PluginRecord] = []
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=_loading_order):
        record = _record(entry)
        first = next((other for other in records if other.name == record.name), None)
        if record.name in disabled or record.distribution in disabled:
            records.append(replace(record, state="off", error="switched off by --no-plugin"))
        elif first is not None:
            error = f"distribution {first.distribution!r} already has a plugin {record.name!r}; uninstall one of them"
            records.append(replace(record, state="duplicate", error=error))
        else:
            records.append(_load(record, entry.load))
    return records + [_record_of_other_api(entry) for entry in _entries_of_other_apis()]


def _loading_order(entry: EntryPoint) -> tuple[bool, str, str]:
    distribution = _distribution_name(entry)
    return distribution != OUR_DISTRIBUTION, distribution, entry.name


def _distribution_name(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else ""


def _record(entry: EntryPoint) -> PluginRecord:
    return PluginRecord(
        name=entry.name,
        distribution=_distribution_name(entry),
        version=entry.dist.version if entry.dist else "",
        source=entry.value,
    )


def _entries_of_other_apis() -> Iterator[EntryPoint]:
    every = entry_points()
    for group in sorted(every.groups):
        prefix, _, number = group.rpartition(".v")
        if prefix == OUR_DISTRIBUTION and number.isdecimal() and group != ENTRY_POINT_GROUP:
            yield from sorted(every.select(group=group), key=_loading_order)


def _record_of_other_api(entry: EntryPoint) -> PluginRecord:
    error = f"made for {entry.group}, this multigraft reads {ENTRY_POINT_GROUP}; install a matching version"
    return replace(_record(entry), state="wrong API", error=error)


def _from_file(file: Path, others: Sequence[PluginRecord]) -> PluginRecord:
    if not file.is_file():
        raise MultigraftError(f"--plugin {file}: no such file")
    if any(other.name == file.stem for other in others) or file.stem in sys.modules:
        raise MultigraftError(f"--plugin {file}: a plugin or module {file.stem!r} is loaded already; rename the file")
    record = PluginRecord(name=file.stem, distribution=str(file), version="", source=str(file))
    loaded = _load(record, lambda: _import_file(file))
    if loaded.state != "loaded":
        raise MultigraftError(f"--plugin {file}: did not load: {loaded.error}")
    return loaded


def _import_file(file: Path) -> ModuleType:
    """Import a file under its own name; its folder joins `sys.path`, so spawned processes find it as well."""
    spec = importlib.util.spec_from_file_location(file.stem, file.resolve())
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file (*.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        raise
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    return module


def _load(record: PluginRecord, import_plugin: Callable[[], Any]) -> PluginRecord:
    """Import a plugin, check its hooks and ask for what it declares; any failure becomes the record's error."""
    started = time.perf_counter()
    try:
        plugin = import_plugin()
        milliseconds = 1000 * (time.perf_counter() - started)
        return _declared(replace(record, plugin=plugin, import_milliseconds=milliseconds))
    except (Exception, SystemExit) as error:
        milliseconds = 1000 * (time.perf_counter() - started)
        text = f"{type(error).__name__}: {error}"
        return replace(record, state="failed", error=text, import_milliseconds=milliseconds)


def _declared(record: PluginRecord) -> PluginRecord:
    manager = new_plugin_manager()
    manager.register(record.plugin, record.name)
    manager.check_pending()
    returned: dict[str, list[Any]] = {name: [] for name in DECLARING}
    for name in DECLARING:
        for implementation in getattr(manager.hook, name).get_hookimpls():
            returned[name] += _checked(name, implementation.function())
    commands = tuple(returned.pop("register_commands"))
    folders = tuple(returned.pop("register_recipes"))
    components = tuple((name.removeprefix("register_"), one) for name, found in returned.items() for one in found)
    _refuse_repeated_names(components)
    return replace(record, components=components, commands=commands, recipe_folders=folders)


def _checked(hook: str, returned: Iterable[Any]) -> list[Any]:
    wanted = {"register_commands": Command, "register_recipes": RecipeFolder}.get(hook, Component)
    found = list(returned)
    for one in found:
        if not isinstance(one, wanted):
            raise TypeError(f"{hook} gave {one!r}; it must give instances of multigraft.{wanted.__name__}")
    return found


def _refuse_repeated_names(components: Sequence[tuple[str, Component]]) -> None:
    names = [(kind, component.name) for kind, component in components]
    for kind, name in names:
        if names.count((kind, name)) > 1:
            raise ValueError(f"it registers {name!r} twice among {kind}")
