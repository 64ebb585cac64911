"""Calling run hooks: `registry.hooks.step_ended(run=run, step=3, losses={...})`."""

import traceback
from collections.abc import Callable
from typing import Any

import pluggy

from multigraft.core.registry.hookspecs import RunHooks
from multigraft.core.registry.own_frame import own_frame


class RunHookRelay:
    """The run hooks of all plugins, built-ins last. An exception gets a note that names the plugin."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager

    def __getattr__(self, hook: str) -> Callable[..., Any]:
        if hook.startswith("_") or hook not in vars(RunHooks):
            raise AttributeError(hook)
        caller = getattr(self._manager.hook, hook)

        def call(**arguments: Any) -> Any:
            try:
                return caller(**arguments)
            except BaseException as error:
                _name_owner(error, caller)
                raise

        return call


def _name_owner(error: BaseException, caller: pluggy.HookCaller) -> None:
    running = {
        id(frame.f_code) for frame, _ in traceback.walk_tb(error.__traceback__)
    }  # equal code is not the same code
    for implementation in caller.get_hookimpls():
        if id(getattr(implementation.function, "__code__", None)) in running:
            module = str(getattr(implementation.function, "__module__", ""))
            place = own_frame(error, module)
            note = f"raised by plugin {implementation.plugin_name!r} in its hook {caller.name}"
            error.add_note(f"{note}, at {place}" if place else note)
