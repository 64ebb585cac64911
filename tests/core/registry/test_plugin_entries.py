"""Distributions with broken or odd metadata stop nobody."""

import pytest

from multigraft.core.registry.registry import Registry, load_registry
from multigraft.core.testing.doctor import diagnose

HOOK = "from multigraft import hookimpl\n@hookimpl\ndef run_ended(): pass\n"


@pytest.fixture
def others():
    """The plugins that are not ours, and the messages of the doctor's errors about them."""

    def look():
        plugins = [plugin for plugin in load_registry().plugins if not plugin.built_in]
        findings = diagnose(Registry(plugins))
        return plugins, [one.message for one in findings if one.level == "error"]

    return look


@pytest.mark.parametrize(
    "metadata",
    [None, b"", b"Metadata-Version: 2.1\nVersion: 1.5\n", b"\xff\xfe\x00broken", b"Name\nVersion"],
    ids=["missing", "empty", "no name", "bytes", "rubbish"],
)
def test_a_distribution_without_a_name(install, others, tmp_path, metadata):
    install("anonymous", HOOK)
    file = tmp_path / "anonymous-1.5.dist-info" / "METADATA"
    file.unlink() if metadata is None else file.write_bytes(metadata)
    plugins, errors = others()
    plugin = next(one for one in plugins if one.name == "anonymous")
    assert (plugin.state, plugin.distribution) == ("loaded", str(tmp_path))
    assert errors == ["its distribution has no name in its METADATA"]


@pytest.mark.parametrize("text", [b"[multigraft.v2]\nno equals sign\n", b"[multigraft.v2]\na = \xff\xfe\n"])
def test_a_list_of_entry_points_that_cannot_be_read(install, others, tmp_path, text):
    install("crooked", HOOK)
    (tmp_path / "crooked-1.5.dist-info" / "entry_points.txt").write_bytes(text)
    plugins, errors = others()
    assert [(one.name, one.state) for one in plugins if one.distribution == "crooked"] == [("crooked", "failed")]
    assert any("its entry_points.txt cannot be" in error for error in errors)


def test_the_broken_lists_of_others_are_none_of_our_business(install, others, tmp_path):
    install("foreign", HOOK)
    (tmp_path / "foreign-1.5.dist-info" / "entry_points.txt").write_text("[console_scripts]\nno equals sign\n")
    assert not [one for one in others()[0] if one.name == "foreign"]


@pytest.mark.parametrize("name", ["two words", "with/slash", "-dash", "é"])
def test_an_odd_name_is_a_finding(install, others, name):
    install("odd_one", HOOK, entry_point=name)
    plugins, errors = others()
    assert next(one for one in plugins if one.name == name).state == "loaded"
    assert errors == [f"its name {name!r} is hard to write in recipes and on the command line"]


@pytest.mark.parametrize("target", ["not a module!", "absent_module", "os:absent", ""])
def test_an_entry_point_that_names_nothing(install, others, tmp_path, target):
    install("lost", HOOK)
    (tmp_path / "lost-1.5.dist-info" / "entry_points.txt").write_text(f"[multigraft.v2]\nlost = {target}\n")
    plugins, errors = others()
    assert next(one for one in plugins if one.name == "lost").state == "failed"
    assert len(errors) == 1


def test_one_module_under_two_names_is_one_plugin(install, others, tmp_path):
    install("double", HOOK)
    (tmp_path / "double-1.5.dist-info" / "entry_points.txt").write_text("[multigraft.v2]\na = double\nb = double\n")
    plugins, errors = others()
    assert [(one.name, one.state) for one in plugins if one.distribution == "double"] == [
        ("a", "loaded"),
        ("b", "duplicate"),
    ]
    assert errors == ["duplicate: double is the plugin 'a' already"]


def test_a_name_given_twice_by_one_distribution(install, others, tmp_path):
    install("repeated", HOOK)
    lines = "[multigraft.v2]\nsame = repeated\nsame = os\n"
    (tmp_path / "repeated-1.5.dist-info" / "entry_points.txt").write_text(lines)
    plugins, errors = others()
    assert [one.state for one in plugins if one.name == "same"] == ["loaded", "duplicate"]
    assert errors == ["duplicate: distribution 'repeated' already has a plugin 'same'"]


def test_a_plugin_that_is_off_does_not_keep_another_of_its_name_out(install):
    install("first", HOOK, entry_point="same", distribution="a-first")
    install("second", HOOK, entry_point="same", distribution="b-second")
    plugins = load_registry(disabled=["a-first"]).plugins
    assert [one.state for one in plugins if one.name == "same"] == ["off", "loaded"]
