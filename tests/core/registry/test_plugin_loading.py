"""Plugins are loaded one by one, and failures are kept."""

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.registry.registry import load_registry

HOOK = "from multigraft import hookimpl\n@hookimpl\n"


def state_of(registry, name):
    return [(plugin.distribution, plugin.state) for plugin in registry.plugins if plugin.name == name]


def error_of(registry, name):
    (plugin,) = [plugin for plugin in registry.plugins if plugin.name == name]
    return plugin.error


def test_ours_comes_first_and_loads(install, adapter_plugin):
    install("a_plugin", adapter_plugin("a_plugin"))
    registry = load_registry()
    assert [plugin.name for plugin in registry.plugins[:3]] == ["multigraft", "quickstart", "a_plugin"]
    assert state_of(registry, "a_plugin") == [("a-plugin", "loaded")]
    assert registry.plugins[2].version == "1.5"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import nothing_like_this", "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import sys\nsys.exit()", "SystemExit: "),
        ("class Left(BaseException): pass\nraise Left('gone')", "Left: gone"),
        ("import pytest\npytest.skip('not here', allow_module_level=True)", "Skipped: "),
        (f"{HOOK}def register_adaptors(): return []", "unknown hook 'register_adaptors'"),
        (f"{HOOK}def run_started(runs): pass", "Argument(s) {'runs'}"),
        (f"{HOOK}def register_tasks(): return ['vqa']", "register_tasks gave 'vqa'"),
    ],
)
def test_a_broken_plugin_is_recorded_and_the_others_load(install, adapter_plugin, code, error):
    install("broken", code)
    install("zebra", adapter_plugin("zebra"))
    registry = load_registry()
    assert state_of(registry, "broken") == [("broken", "failed")]
    assert error in error_of(registry, "broken")
    assert state_of(registry, "zebra") == [("zebra", "loaded")]


def test_a_name_given_twice_by_one_plugin(install, adapter_plugin):
    install("twice", adapter_plugin("twice").replace("yield Component", "for _ in range(2): yield Component"))
    assert "registers 'scaled' twice among adapters" in error_of(load_registry(), "twice")


def test_of_two_distributions_with_one_plugin_name_the_first_is_loaded(install, adapter_plugin):
    install("later", adapter_plugin("later"), entry_point="same", distribution="b-later")
    install("earlier", adapter_plugin("earlier"), entry_point="same", distribution="a-earlier")
    registry = load_registry()
    assert state_of(registry, "same") == [("a-earlier", "loaded"), ("b-later", "duplicate")]


def test_a_plugin_for_another_version_is_never_imported(install):
    install("futuristic", "raise RuntimeError('imported')", group="multigraft.v3")
    registry = load_registry()
    assert state_of(registry, "futuristic") == [("futuristic", "wrong API")]
    assert "made for multigraft.v3, this multigraft reads multigraft.v2" in error_of(registry, "futuristic")


@pytest.mark.parametrize("name", ["by_entry", "by-distribution"])
def test_a_plugin_is_switched_off_without_being_imported(install, name):
    install("off_module", "raise RuntimeError('imported')", entry_point="by_entry", distribution="by-distribution")
    assert state_of(load_registry(disabled=[name]), "by_entry") == [("by-distribution", "off")]


def test_switching_off_an_unknown_plugin_is_an_error():
    with pytest.raises(MultigraftError, match=r"--no-plugin multigraff: .*; did you mean 'multigraft'\?"):
        load_registry(disabled=["multigraff"])


def test_a_plugin_file_is_loaded_and_found_by_its_own_name(plugin_file, adapter_plugin):
    path = plugin_file("from_a_file.py", adapter_plugin("from_a_file"))
    registry = load_registry([path])
    options = registry.options("adapters", "scaled")(kind="scaled")
    assert registry.build("adapters", options, tasks=()).origin == "from_a_file"


def test_plugin_files_that_cannot_be_loaded(plugin_file, tmp_path):
    with pytest.raises(MultigraftError, match=r"absent\.py: no such file"):
        load_registry([tmp_path / "absent.py"])
    with pytest.raises(MultigraftError, match="did not load: SyntaxError"):
        load_registry([plugin_file("crooked.py", "def")])
    (tmp_path / "json.py").touch()
    with pytest.raises(MultigraftError, match="a plugin or module 'json' is loaded already; rename the file"):
        load_registry([tmp_path / "json.py"])


def test_an_interruption_while_a_plugin_is_imported_is_one(install):
    install("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_registry()


def test_a_failed_plugin_shows_its_own_last_line(install):
    install("helped", "import json\n\ndef read():\n    return json.loads('{')\n\nread()\n")
    (plugin,) = [one for one in load_registry().plugins if one.name == "helped"]
    assert plugin.error.startswith("JSONDecodeError: Expecting property name")
    assert plugin.place.rpartition("helped.py:")[2] == "4: return json.loads('{')"


def test_a_syntax_error_shows_its_line(install):
    install("unclosed", "a = 1\nb = (")
    (plugin,) = [one for one in load_registry().plugins if one.name == "unclosed"]
    assert plugin.place.rpartition("unclosed.py:")[2] == "2: b = ("


def test_what_a_plugin_prints_is_no_result(install, capsys):
    install("chatty", "print('hello')\nfrom multigraft import hookimpl\n@hookimpl\ndef run_ended(): pass")
    load_registry()
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "hello\n")


def test_a_plugin_file_may_be_loaded_again_and_import_its_neighbours(plugin_file, adapter_plugin):
    plugin_file("neighbour.py", "NAME = 'scaled'")
    path = plugin_file("beside.py", "    import neighbour\n" + adapter_plugin("beside"))
    for _ in range(2):
        assert load_registry([path, path.parent / "." / path.name]).find("adapters", "scaled").plugin.name == "beside"
    path.write_text(path.read_text().replace('"scaled"', '"stretched"'))
    assert load_registry([path]).find("adapters", "stretched")


def test_a_plugin_file_that_is_not_there_is_told_with_the_nearest(plugin_file):
    path = plugin_file("lora.py", "")
    with pytest.raises(MultigraftError, match=r"lroa\.py: no such file \(did you mean '.*files/lora\.py'\?\)"):
        load_registry([path.with_name("lroa.py")])
