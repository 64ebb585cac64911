"""Whether a plugin's functions are heard: their names, their arguments and their marks."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from multigraft.core.registry.hookspecs import HOOKS, RUN_HOOKS, hookimpl
from multigraft.core.registry.own_frame import own_line
from multigraft.core.registry.plugin_record import Fault
from multigraft.core.suggest import did_you_mean, nearest_name

_MARK = f"{hookimpl.project_name}_impl"


class HookError(Exception):
    """An implementation that no hook fits, and its place."""

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place


def refuse_unknown_hooks(plugin: Any) -> None:
    """Refuse marked functions that are no hook or that take what their hook does not give.

    Raises:
        HookError: with the nearest name.
    """
    for name, function in _marked(plugin):
        if name not in HOOKS:
            raise HookError(f"unknown hook {name!r}; {did_you_mean(name, HOOKS)}", own_line(function))
        wrong = [each.name for each in _parameters(function) if each.name not in HOOKS[name]]
        if wrong:
            hint = did_you_mean(wrong[0], HOOKS[name]) if HOOKS[name] else "it takes none"
            given = ", ".join(map(repr, wrong))
            raise HookError(f"hook {name!r}: Argument(s) {{{given}}} are not what it gives; {hint}", own_line(function))


def run_hooks_of(plugin: Any) -> tuple[str, ...]:
    """The run hooks that a plugin implements."""
    return tuple(name for name, _ in _marked(plugin) if name in RUN_HOOKS)


def faults_of(plugin: Any) -> Iterator[Fault]:
    """Functions that look like hooks and are not heard, or not given what they ask for; a plugin without any hook."""
    functions, marked = list(_functions(plugin)), _marked(plugin)
    unmarked = [(name, function) for name, function in functions if name in HOOKS and not _mark_of(function)]
    for name, function in unmarked:
        message = f"function {name!r} is called like a hook but has no mark, so it is never called"
        yield Fault(message, "put `@hookimpl` above it (`from multigraft import hookimpl`)", own_line(function))
    if not unmarked and not marked:
        similar = {name: nearest_name(name, HOOKS, cutoff=0.8) for name, _ in functions}
        meant = [f"{name!r} looks like the hook {hook!r}" for name, hook in similar.items() if hook]
        message = "; ".join(["it brings nothing, as it implements no hook", *meant])
        yield Fault(message, "see docs/plugins.md for the hooks, or leave it out")
    for name, function in marked:
        yield from _unfilled(name, function)


def _unfilled(name: str, function: Callable[..., Any]) -> Iterator[Fault]:
    for each in _parameters(function):
        if each.kind is each.KEYWORD_ONLY or each.default is not each.empty:
            message = f"hook {name!r}: its argument {each.name!r} is never given"
            yield Fault(message, "write it as a plain argument, without a default", own_line(function))
    if name in RUN_HOOKS and not _mark_of(function).get("wrapper") and _never_runs(function):
        message = f"hook {name!r}: it is a generator or a coroutine, so its body never runs"
        yield Fault(message, "make it a plain function", own_line(function))


def _never_runs(function: Callable[..., Any]) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function)


def _functions(plugin: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in dir(plugin):
        value = getattr(plugin, name, None)
        if inspect.isroutine(value):
            yield name, value


def _marked(plugin: Any) -> list[tuple[str, Callable[..., Any]]]:
    """Implementations by the name of the hook that they say they are of."""
    marks = [(name, function, _mark_of(function)) for name, function in _functions(plugin)]
    return [(mark.get("specname") or name, function) for name, function, mark in marks if mark]


def _mark_of(function: Callable[..., Any]) -> dict[str, Any]:
    """What `@hookimpl` put on a function; empty without it."""
    mark = getattr(function, _MARK, None)
    return mark if isinstance(mark, dict) else {}


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    every = inspect.signature(function).parameters.values()
    return [each for each in every if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
