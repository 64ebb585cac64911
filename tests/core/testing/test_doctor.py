"""`diagnose` finds what is wrong with plugins and says how to mend it."""

import pytest

from multigraft.core.registry.registry import Registry, load_registry
from multigraft.core.testing.conformance import check_component
from multigraft.core.testing.doctor import diagnose


@pytest.fixture
def findings_of():
    """Findings of one plugin, the built-ins left out because importing them takes seconds."""

    def find(name, **options):
        plugins = [plugin for plugin in load_registry().plugins if not plugin.built_in]
        found = diagnose(Registry(plugins), **options)
        return [(finding.level, finding.message) for finding in found if finding.plugin == name]

    return find


def test_a_plugin_that_is_well(install, adapter_plugin, findings_of):
    install("fine", adapter_plugin("fine"))
    assert findings_of("fine") == []


def test_failed_and_foreign_plugins(install, findings_of):
    install("broken", "import nothing_like_this")
    install("futuristic", "", group="multigraft.v3")
    assert findings_of("broken") == [("error", "failed: ModuleNotFoundError: No module named 'nothing_like_this'")]
    ((level, message),) = findings_of("futuristic")
    assert (level, message[:10]) == ("error", "wrong API:")


def test_a_plugin_that_imports_torch_when_it_is_loaded(install, adapter_plugin, findings_of):
    install("heavy", "    import torch\n" + adapter_plugin("heavy"))
    assert ("error", "loading it or its options imports torch") in findings_of("heavy")


def test_third_parties_with_one_name(install, adapter_plugin, findings_of):
    install("left", adapter_plugin("left"))
    install("right", adapter_plugin("right"))
    assert findings_of("left") == [
        ("error", "adapter 'scaled' is in several plugins: 'left/scaled' and 'right/scaled'")
    ]


def test_requirements_build_targets_and_options(install, adapter_plugin, findings_of):
    code = adapter_plugin("poor").replace("def build", "def construct")
    options = """
    from multigraft import AdapterOptions

    class PoorOptions(AdapterOptions):
        \"\"\"Options.\"\"\"

        width: int = "wide"
    """
    install("poor", (code + options).replace("multigraft:AdapterOptions", "poor:PoorOptions"))
    messages = [message for _, message in findings_of("poor")]
    assert messages == [
        "adapter 'scaled': its option 'width' has no docstring under it",
        "adapter 'scaled': the default of its option 'width' is refused: expected a whole number, got 'wide'",
        "adapter 'scaled': its build target poor:build cannot be imported: ImportError: poor has no 'build'",
    ]


def test_a_missing_requirement(install, adapter_plugin, findings_of):
    install("needy", adapter_plugin("needy").replace(':build")', ':build", requires=("nothing_like_this",))'))
    assert findings_of("needy") == [("error", "adapter 'scaled': scaled needs nothing_like_this")]


def test_commands_that_clash_or_cannot_be_imported(install, findings_of):
    code = """
    from multigraft import Command, hookimpl

    @hookimpl
    def register_commands():
        yield Command(("train",), "json:loads", "Train")
        yield Command(("other",), "json:nothing", "Other")
    """
    install("commanding", code)
    assert findings_of("commanding", reserved=frozenset({("train",)})) == [
        ("error", "command 'train' belongs to multigraft itself, and is never reached"),
        ("error", "command 'other' cannot be imported: ImportError: json has no 'nothing'"),
    ]


def test_a_failure_is_shown_at_its_place(install):
    install("broken", "import nothing_like_this")
    plugins = [plugin for plugin in load_registry().plugins if not plugin.built_in]
    (finding,) = [one for one in diagnose(Registry(plugins)) if one.plugin == "broken"]
    assert finding.place.rpartition("broken.py:")[2] == "1: import nothing_like_this"
    assert str(finding).endswith(
        f"'nothing_like_this' (at {finding.place}); tell its author, or leave it out with --no-plugin"
    )


@pytest.mark.parametrize("line", ["import sys; sys.exit(0)", "1 / 0", "raise SystemExit", "print('hi', end='')"])
def test_modules_of_options_that_fail_in_any_way(install, adapter_plugin, findings_of, tmp_path, line):
    (tmp_path / "wild_options.py").write_text(f"{line}\nfrom multigraft import AdapterOptions as Wild")
    install("wild", adapter_plugin("wild").replace("multigraft:AdapterOptions", "wild_options:Wild"))
    messages = [message for _, message in findings_of("wild")]
    assert len(messages) == (0 if "print" in line else 1)
    assert all("adapter 'scaled': adapter 'wild/scaled' cannot be loaded: " in message for message in messages)


BUILT = """
from multigraft import (
    Adapter, AdapterOptions, Component, OptionError, Task, TaskOptions, TextPair, hookimpl,
)

class PickyOptions(AdapterOptions):
    \"\"\"Its default is nothing that it could be built with.\"\"\"

def picky(options, tasks):
    raise OptionError((), "say more")

class TellingOptions(TaskOptions):
    \"\"\"Tells what it should ask.\"\"\"

class Telling(Task):
    def example(self, annotation, draw):
        return TextPair(annotation.text, annotation.text)

    def ask(self, annotation):
        return self.example(annotation, None)

def telling(options):
    return Telling()

@hookimpl
def register_adapters():
    return [Component("picky", "built:PickyOptions", "built:picky")]

@hookimpl
def register_tasks():
    return [Component("telling", "built:TellingOptions", "built:telling")]
"""


def test_components_are_tried_with_their_defaults_where_these_suffice(install):
    install("built", BUILT)
    registry = load_registry()
    found = {
        kind: check_component(registry.find(kind, name), registry)
        for kind, name in (("adapters", "picky"), ("tasks", "telling"))
    }
    assert found["adapters"] == []
    assert found["tasks"] == ["the question that `ask` makes has the target 'which colour has the ball?'"]
