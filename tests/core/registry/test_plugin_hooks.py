"""Functions of a plugin that are not heard are told with what to do."""

import pytest

from multigraft.core.registry.registry import load_registry

MARK = "from multigraft import Component, hookimpl\n@hookimpl\n"


@pytest.fixture
def plugin_of(install):
    """The record of a plugin with this code."""

    def load(code):
        install("spoken", code)
        return next(plugin for plugin in load_registry().plugins if plugin.name == "spoken")

    return load


@pytest.mark.parametrize(
    ("function", "error", "line"),
    [
        ("def register_adapter(): return []", "unknown hook 'register_adapter'; did you mean 'register_adapters'?", 3),
        ("def step_end(step): pass", "unknown hook 'step_end'; did you mean 'step_ended'?", 3),
        (
            "def run_started(rnu): pass",
            "hook 'run_started': Argument(s) {'rnu'} are not what it gives; did you mean",
            3,
        ),
        ("def register_tasks(run): return []", "{'run'} are not what it gives; it takes none", 3),
        ("def register_tasks(): pass", "register_tasks gave None; it must return or yield Components", 3),
        ("def register_tasks():\n    return ['vqa']", "register_tasks gave 'vqa'; it must give instances of", 3),
        ("def register_tasks():\n    yield Component('Vqa', 'a:b', 'a:c')", "component name 'Vqa': use lower-case", 4),
    ],
)
def test_hooks_that_cannot_be_called_are_refused_with_their_place(plugin_of, function, error, line):
    plugin = plugin_of(MARK + function)
    assert plugin.state == "failed"
    assert error in plugin.error
    assert plugin.place.rpartition("spoken.py:")[2] == f"{line}: {function.splitlines()[line - 3].strip()}"


def faults(plugin):
    assert plugin.state == "loaded", plugin.error
    return [(fault.message, fault.fix, fault.place.rpartition("spoken.py:")[2]) for fault in plugin.faults]


def test_a_hook_without_its_mark(plugin_of):
    code = "from multigraft import hookimpl\n@hookimpl\ndef step_ended(step): pass\ndef run_ended(): pass\n"
    assert faults(plugin_of(code)) == [
        (
            "function 'run_ended' is called like a hook but has no mark, so it is never called",
            "put `@hookimpl` above it (`from multigraft import hookimpl`)",
            "4: def run_ended(): pass",
        )
    ]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "it brings nothing, as it implements no hook"),
        ("def help_me(): pass", "it brings nothing, as it implements no hook"),
        (
            "def register_adaptors(): pass",
            "it brings nothing, as it implements no hook; 'register_adaptors' looks like the hook 'register_adapters'",
        ),
    ],
)
def test_a_plugin_that_brings_nothing(plugin_of, code, message):
    assert [told for told, _, _ in faults(plugin_of(code))] == [message]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("def step_ended(step, losses=None): pass", "hook 'step_ended': its argument 'losses' is never given"),
        ("def step_ended(*, step): pass", "hook 'step_ended': its argument 'step' is never given"),
        ("def step_ended(step): yield", "hook 'step_ended': it is a generator or a coroutine, so its body never runs"),
    ],
)
def test_what_a_hook_is_never_given(plugin_of, function, message):
    assert [told for told, _, _ in faults(plugin_of(MARK + function))] == [message]


def test_the_right_ones_have_no_faults(plugin_of):
    code = "@hookimpl(specname='step_ended')\ndef watch(step): pass\n@hookimpl\ndef register_tasks(): yield from ()"
    plugin = plugin_of("from multigraft import hookimpl\n" + code)
    assert faults(plugin) == []
    assert plugin.run_hooks == ("step_ended",)


def test_a_recipe_that_needs_a_silent_plugin_is_told_of_it(plugin_of):
    from multigraft.core.errors import ComponentError

    plugin_of("def register_adapters(): pass")
    with pytest.raises(ComponentError, match=r"plugin 'spoken': function 'register_adapters' .* put `@hookimpl` above"):
        load_registry().find("adapters", "spoken")
