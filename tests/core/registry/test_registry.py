"""What a name means, and what is built."""

from textwrap import dedent

import pytest

from multigraft.core.errors import ComponentError
from multigraft.core.options.options import AdapterOptions
from multigraft.core.registry.hookspecs import KINDS
from multigraft.core.registry.registry import load_registry, missing_requirement, noun


def test_every_kind_has_a_built_in():
    registry = load_registry()
    for kind in KINDS:
        assert any(one.plugin.built_in for one in registry.registrations(kind)), kind


def test_a_built_in_is_found_by_both_names():
    registry = load_registry()
    assert registry.find("adapters", "bottleneck") is registry.find("adapters", "multigraft/bottleneck")
    assert registry.component("adapters", AdapterOptions(kind="multigraft/bottleneck")).name == "bottleneck"


def test_a_built_in_keeps_its_bare_name(install, adapter_plugin):
    install("rival", adapter_plugin("rival", name="bottleneck"))
    registry = load_registry()
    assert registry.find("adapters", "bottleneck").plugin.name == "multigraft"
    assert registry.find("adapters", "rival/bottleneck").plugin.name == "rival"
    assert [name for name in registry.names("adapters") if "bottleneck" in name] == ["bottleneck", "rival/bottleneck"]


def test_two_third_parties_with_one_name_are_an_error_only_when_it_is_used(install, adapter_plugin):
    install("left", adapter_plugin("left"))
    install("right", adapter_plugin("right"))
    registry = load_registry()
    assert [name for name in registry.names("adapters") if "scaled" in name] == ["left/scaled", "right/scaled"]
    assert registry.find("adapters", "left/scaled").plugin.name == "left"
    with pytest.raises(ComponentError, match=r"several plugins .* 'scaled'; write 'left/scaled' or 'right/scaled'"):
        registry.find("adapters", "scaled")


def test_a_failed_plugin_is_told_where_it_is_needed(install):
    install("broken", "import nothing_like_this")
    registry = load_registry()
    assert registry.find("adapters", "bottleneck")
    told = "plugin 'broken' did not load: ModuleNotFoundError: No module named 'nothing_like_this'"
    for name in ("broken/scaled", "scaled"):
        with pytest.raises(ComponentError, match=told):
            registry.find("adapters", name)


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("adapters", "botleneck", "no adapter named 'botleneck'; did you mean 'bottleneck'?"),
        ("sharing", "half", "no sharing rule named 'half'; known: groups, half-shared,"),
        ("visual_encoders", "timn", "no visual encoder named 'timn'; did you mean 'timm'?"),
        ("adapters", "multigraff/bottleneck", "no plugin named 'multigraff' is installed; did you mean 'multigraft'?"),
        ("adapters", "multigraft/x", "no adapter named 'multigraft/x'"),
        ("adaptors", "x", "no kind of component named 'adaptors'; did you mean 'adapters'?"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(kind, name, text):
    with pytest.raises(ComponentError) as caught:
        load_registry().find(kind, name)
    assert str(caught.value).startswith(text)


def test_a_missing_requirement_is_told_with_what_mends_it(install, adapter_plugin):
    code = adapter_plugin("needy").replace(':build")', ':build", requires=("nothing_like_this",), extra="needy[all]")')
    install("needy", code)
    registry = load_registry()
    told = "scaled needs nothing_like_this: pip install 'needy[all]'"
    assert missing_requirement(registry.find("adapters", "scaled").component) == told
    with pytest.raises(ComponentError) as caught:
        registry.build("adapters", AdapterOptions(kind="scaled"))
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return 'no such library'", "no such library"),
        ("return ''", ""),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_what_no_module_shows_is_asked(install, adapter_plugin, body, told):
    code = adapter_plugin("needy").replace(':build")', ':build", trouble="needy:trouble")')
    install("needy", f"{dedent(code)}\ndef trouble():\n    {body}\n")
    registry = load_registry()
    expected = told and f"scaled cannot be used here: {told}"
    assert missing_requirement(registry.find("adapters", "scaled").component) == expected
    if told:
        with pytest.raises(ComponentError, match=expected):
            registry.build("adapters", AdapterOptions(kind="scaled"))


def test_a_build_target_that_is_not_there(install, adapter_plugin):
    install("hollow", adapter_plugin("hollow").replace("def build", "def construct"))
    with pytest.raises(ComponentError, match="adapter 'hollow/scaled' cannot be loaded: hollow has no 'build'"):
        load_registry().build("adapters", AdapterOptions(kind="scaled"))


def test_nouns():
    assert [noun(kind) for kind in ("visual_encoders", "sharing", "inputs")] == [
        "visual encoder",
        "sharing rule",
        "input",
    ]
