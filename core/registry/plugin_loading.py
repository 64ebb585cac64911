"""Finding and importing plugins one by one, so that a failure stays with its owner and is kept as data."""

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from multigraft.core.errors import MultigraftError
from multigraft.core.registry.component import Command, Component, RecipeFolder
from multigraft.core.registry.contract_changes import changes_since
from multigraft.core.registry.hookspecs import DECLARING, ENTRY_POINT_GROUP, DeclaringHooks, RunHooks
from multigraft.core.registry.own_frame import own_frame, own_line, told
from multigraft.core.registry.plugin_entries import Entry, plugin_entries
from multigraft.core.registry.plugin_hooks import HookError, faults_of, refuse_unknown_hooks, run_hooks_of
from multigraft.core.registry.plugin_record import OUR_DISTRIBUTION, Fault, PluginRecord
from multigraft.core.suggest import did_you_mean, nearest_file

_OPTIONS = "multigraft.core.options.options"
"""What a single file with options imports first: the time that takes is not the file's own."""
_UNNAMED = Fault("its distribution has no name in its METADATA", "install it anew, or tell its author")


def new_plugin_manager() -> pluggy.PluginManager:
    """A manager that knows our hooks."""
    manager = pluggy.PluginManager(OUR_DISTRIBUTION)
    manager.add_hookspecs(DeclaringHooks)
    manager.add_hookspecs(RunHooks)
    return manager


def load_plugins(files: Sequence[Path], disabled: Sequence[str]) -> list[PluginRecord]:
    """All plugins that are installed, then those in `files`; ours first. What fails is recorded.

    Raises:
        MultigraftError: a name in `disabled` is unknown, or one of `files` is missing or cannot have its name.
    """
    records = _installed(disabled)
    for file in {path.resolve(): path for path in files}.values():
        records.append(_from_file(file, records, disabled))
    known = {name for record in records for name in (record.name, record.distribution)}
    for name in disabled:
        if name not in known:
            hint = did_you_mean(name, known)
            raise MultigraftError(f"--no-plugin {name}: no plugin or distribution has this name; {hint}")
    return records


def refuse_failed_files(records: Iterable[PluginRecord]) -> None:
    """Refuse to go on without a plugin that was asked for by its file.

    Raises:
        MultigraftError: a file did not load.
    """
    for record in records:
        if record.from_file and record.state == "failed":
            raise MultigraftError(f"--plugin {record.source}: did not load: {record.told_error}")


def _installed(disabled: Sequence[str]) -> list[PluginRecord]:
    records: list[PluginRecord] = []
    for entry in plugin_entries():
        record = _record(entry)
        first = next((other for other in records if _claims(other, record.name)), None)
        if record.name in disabled or record.distribution in disabled:
            records.append(_switched_off(record))
        elif entry.point is None:
            records.append(replace(record, state="failed", error=entry.error))
        elif entry.group != ENTRY_POINT_GROUP:
            error = f"made for {entry.group}, this multigraft reads {ENTRY_POINT_GROUP}; install a matching version"
            changes = changes_since(entry.group)
            records.append(replace(record, state="wrong API", error=error, changes=changes))
        elif first is not None:
            error = f"distribution {first.distribution!r} already has a plugin {record.name!r}"
            records.append(replace(record, state="duplicate", error=error))
        else:
            records.append(_once(_load(record, entry.point.load), records))
    return sorted(records, key=lambda record: record.state == "wrong API")


def _claims(record: PluginRecord, name: str) -> bool:
    return record.name == name and record.state not in ("off", "wrong API")


def _once(record: PluginRecord, others: Sequence[PluginRecord]) -> PluginRecord:
    """A module that several entry points name is one plugin, the first."""
    for other in others:
        if record.plugin is not None and other.plugin is record.plugin:
            error = f"{record.source} is the plugin {other.name!r} already"
            kept = PluginRecord(record.name, record.distribution, record.version, record.source)
            return replace(kept, state="duplicate", error=error)
    return record


def _switched_off(record: PluginRecord) -> PluginRecord:
    return replace(record, state="off", error="switched off by --no-plugin")


def _record(entry: Entry) -> PluginRecord:
    source = entry.point.value if entry.point else ""
    faults = () if entry.named else (_UNNAMED,)
    return PluginRecord(entry.name, entry.distribution, entry.version, source, faults=faults)


def _from_file(file: Path, others: Sequence[PluginRecord], disabled: Sequence[str]) -> PluginRecord:
    if not file.is_file():
        raise MultigraftError(f"--plugin {file}: no such file{nearest_file(file)}")
    taken = sys.modules.get(file.stem)
    if any(other.name == file.stem for other in others) or (taken and not _is_of(taken, file)):
        raise MultigraftError(f"--plugin {file}: a plugin or module {file.stem!r} is loaded already; rename the file")
    record = PluginRecord(name=file.stem, distribution=str(file), version="", source=str(file), from_file=True)
    if file.stem in disabled:
        return _switched_off(record)
    importlib.import_module(_OPTIONS)
    return _load(record, lambda: _import_file(file))


def _is_of(module: ModuleType, file: Path) -> bool:
    """Whether a module was loaded from that very file, and may be loaded from it again."""
    origin = getattr(module, "__file__", None)
    return origin is not None and Path(origin).resolve() == file.resolve()


def _import_file(file: Path) -> ModuleType:
    """Import a file under its own name; its folder joins `sys.path`, so spawned processes find it as well."""
    spec = importlib.util.spec_from_file_location(file.stem, file.resolve())
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file (*.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    folder, before = str(file.resolve().parent), list(sys.path)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        sys.path[:] = before
        raise
    return module


def _load(record: PluginRecord, import_plugin: Callable[[], Any]) -> PluginRecord:
    """Import a plugin, check its hooks and ask for what it declares; any failure becomes the record's error.

    What it prints on the way goes to stderr: stdout is for results.
    """
    started = time.perf_counter()
    milliseconds = 0.0
    try:
        with redirect_stdout(sys.stderr):
            plugin = import_plugin()
            milliseconds = 1000 * (time.perf_counter() - started)
            return _declared(replace(record, plugin=plugin, import_milliseconds=milliseconds))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a third party's module may fail in any way, or want to leave
        if isinstance(error, HookError):
            text, place = str(error), error.place
        else:
            text, place = told(error), own_frame(error, record.module)
        taken = milliseconds or 1000 * (time.perf_counter() - started)
        return replace(record, state="failed", error=text, place=place, import_milliseconds=taken)


def _declared(record: PluginRecord) -> PluginRecord:
    refuse_unknown_hooks(record.plugin)
    manager = new_plugin_manager()
    manager.register(record.plugin, record.name)
    returned: dict[str, list[Any]] = {name: [] for name in DECLARING}
    for name in DECLARING:
        for implementation in getattr(manager.hook, name).get_hookimpls():
            returned[name] += _checked(name, implementation.function)
    commands = tuple(returned.pop("register_commands"))
    folders = tuple(returned.pop("register_recipes"))
    components = tuple((name.removeprefix("register_"), one) for name, found in returned.items() for one in found)
    _refuse_repeated_names(components)
    return replace(
        record,
        components=components,
        commands=commands,
        recipe_folders=folders,
        run_hooks=run_hooks_of(record.plugin),
        faults=(*record.faults, *faults_of(record.plugin)),
    )


def _checked(hook: str, function: Callable[[], Iterable[Any]]) -> list[Any]:
    wanted = {"register_commands": Command, "register_recipes": RecipeFolder}.get(hook, Component)
    returned = function()
    if not isinstance(returned, Iterable):
        raise HookError(f"{hook} gave {returned!r}; it must return or yield {wanted.__name__}s", own_line(function))
    found = list(returned)
    for one in found:
        if not isinstance(one, wanted):
            message = f"{hook} gave {one!r}; it must give instances of multigraft.{wanted.__name__}"
            raise HookError(message, own_line(function))
    return found


def _refuse_repeated_names(components: Sequence[tuple[str, Component]]) -> None:
    names = [(kind, component.name) for kind, component in components]
    for kind, name in names:
        if names.count((kind, name)) > 1:
            raise ValueError(f"it registers {name!r} twice among {kind}")
