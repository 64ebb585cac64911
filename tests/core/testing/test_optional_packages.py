"""What the doctor says of components and extras that need further packages."""

import json

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.registry.registry import Registry, load_registry
from multigraft.core.testing.optional_packages import choices

PLUGIN = """
from multigraft import Component, hookimpl

@hookimpl
def register_loggers():
    for name, *requires in ({names}):
        extra = "choosy[" + name + "]"
        yield Component(name, "multigraft:Options", "choosy:build", requires=tuple(requires), extra=extra)
    yield Component("saying", "multigraft:Options", "choosy:build", requires=("pluggy",), trouble="choosy:why")

def why():
    return "do this by hand"
"""
NAMES = """
("gone", "nothing_like_this"), ("dying", "dying_module"), ("fine", "numpy", "pluggy"), ("wrong", "wrong_module"),
("half", "numpy", "nothing_like_this"), ("behind", "pluggy"), ("plain",), ("inner", "pluggy._hooks"),
"""
REQUIRES = """
Provides-Extra: old
Provides-Extra: none
Provides-Extra: some
Provides-Extra: all
Provides-Extra: gone
Provides-Extra: empty
Requires-Dist: pluggy; python_version > "3"
Requires-Dist: numpy<1; extra == "old"
Requires-Dist: numpy>=1; extra == "some"
Requires-Dist: No_Such.Package; extra == "none"
Requires-Dist: numpy>=1; extra == "all"
Requires-Dist: no-such-package; extra == "all"
Requires-Dist: numpy; extra == "gone"
"""


@pytest.fixture
def found(install, tmp_path):
    """Choices of a plugin, by kind and name; the built-ins are left out because importing theirs takes seconds."""
    (tmp_path / "dying_module.py").write_text("import os\nos._exit(3)")
    (tmp_path / "wrong_module.py").write_text("raise OSError('libwrong.so is not there')")
    install("choosy", PLUGIN.format(names=NAMES))
    with (tmp_path / "choosy-1.5.dist-info" / "METADATA").open("a") as facts:
        facts.write(REQUIRES.strip())
    return choices(
        Registry([plugin for plugin in load_registry().plugins if not plugin.built_in and plugin.name == "choosy"])
    )


def doctor(*options):
    left_out = ("--no-plugin", "multigraft", "--no-plugin", "quickstart")
    return CliRunner().invoke(cli, ["plugins", "doctor", *left_out, *options]).stdout


def test_what_is_there_comes_first_and_the_rest_says_why_and_how(found):
    told = [(each.name, each.state, each.trouble, each.fix) for each in found if each.kind == "logger"]
    assert told == [
        ("behind", "there", "", ""),
        ("fine", "there", "", ""),
        ("inner", "there", "", ""),
        ("dying", "broken", "importing dying_module ends the process with 3", "pip install 'choosy[dying]'"),
        ("saying", "broken", "do this by hand", ""),
        (
            "wrong", "broken", "wrong_module cannot be imported: OSError: libwrong.so is not there",
            "pip install 'choosy[wrong]'",
        ),
        ("gone", "missing", "nothing_like_this not installed", "pip install 'choosy[gone]'"),
        ("half", "missing", "nothing_like_this not installed", "pip install 'choosy[half]'"),
    ]  # fmt: skip


def test_versions_are_those_of_distributions(found):
    import numpy
    import pluggy

    versions = {each.name: each.packages for each in found}
    assert versions["fine"] == {"numpy": numpy.__version__, "pluggy": pluggy.__version__}
    assert versions["inner"] == {"pluggy": pluggy.__version__}
    assert versions["half"] == {"numpy": numpy.__version__, "nothing_like_this": ""}


def test_extras_that_no_component_names_and_that_are_no_bundles_are_told(found):
    import numpy

    told = [(each.name, each.state, each.trouble) for each in found if each.kind == "extra of choosy"]
    assert told == [
        ("some", "there", ""),
        ("old", "broken", f"numpy {numpy.__version__} is not <1"),
        ("none", "missing", "No_Such.Package not installed"),
    ]


def test_the_doctor_prints_them_by_kind(found):
    lines = doctor().splitlines()
    start = lines.index("loggers")
    assert lines[start + 1].split()[:3] == ["there", "behind", "pluggy"]
    assert lines[start + 4 : start + 6] == [
        "  broken  dying         importing dying_module ends the process with 3",
        "          pip install 'choosy[dying]'",
    ]  # fmt: skip
    assert "extras of choosy" in lines[start:]


def test_the_doctor_gives_them_as_json(found):
    assert [each["name"] for each in json.loads(doctor("--json"))["optional"]] == [each.name for each in found]
