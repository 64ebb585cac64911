"""Tables, headings and links of the pages say what the code says."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from multigraft.core.cli.verbs import VERBS
from multigraft.core.evaluation.controls import CONTROLS
from multigraft.core.registry import hookspecs
from multigraft.core.registry.hookspecs import KINDS
from multigraft.core.registry.registry import load_registry, noun

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README, PLUGINS, RECIPES, TROUBLES = (
    (ROOT / name).read_text() for name in ("README.md", "docs/plugins.md", "docs/recipes.md", "docs/troubleshooting.md")
)


def hooks():
    """`NAME(ARGUMENTS) -> RETURNS` of every hook, as written in core/registry/hookspecs.py."""
    tree = ast.parse(Path(hookspecs.__file__).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.args.args[:1] and node.args.args[0].arg == "self":
            node.args.args.pop(0)
            returns = ast.unparse(node.returns) if node.returns else ""
            yield f"{node.name}({ast.unparse(node.args)}) -> {returns}".replace("'", "")


def table(page, head):
    """The rows of the table whose head line starts with `head`, as lists of cells."""
    lines = page.partition(f"\n{head}")[2].splitlines()[2:]
    rows = lines[: next((number for number, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


def test_every_hook_has_a_heading_with_its_signature():
    assert sorted(re.findall(r"^### `(.*)`$", PLUGINS, re.MULTILINE)) == sorted(hooks())


@pytest.mark.parametrize("hook", hooks())
def test_every_hook_has_an_example_that_takes_what_it_is_given(hook):
    section = PLUGINS.partition(f"### `{hook}`\n")[2].partition("\n##")[0]
    shown = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]
    assert len(shown.splitlines()) == 3
    [function] = ast.parse(shown).body
    assert [each.id for each in function.decorator_list] == ["hookimpl"]
    [specified] = ast.parse(f"def {hook}: ...").body
    assert function.name == specified.name
    assert {each.arg for each in function.args.args} <= {each.arg for each in specified.args.args}


def test_every_example_of_a_plugin_has_its_mark():
    for shown in re.findall(r"```python\n(.*?)```", PLUGINS, re.DOTALL):
        functions = [node for node in ast.parse(shown).body if isinstance(node, ast.FunctionDef)]
        for function in functions:
            marks = [ast.unparse(each) for each in function.decorator_list]
            assert marks == (["hookimpl"] if function.name in hookspecs.HOOKS else []), function.name


def test_the_plugin_in_one_file_is_well(tmp_path):
    shown = re.search(r"`scale\.py`.*?```python\n(.*?)```", PLUGINS, re.DOTALL)[1]
    (tmp_path / "scale.py").write_text(shown)
    words = [sys.executable, "-m", "multigraft", "plugins", "doctor", "--plugin", "scale.py"]
    outcome = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_kind_of_component_says_how_it_is_built():
    assert [quoted(row[0]) for row in table(PLUGINS, "| hook | options")] == [[f"register_{kind}"] for kind in KINDS]


def test_the_readme_lists_all_components():
    registry = load_registry()
    listed = {row[0]: sorted(name for name in quoted(row[1])) for row in table(README, "| kind | components")}
    built_in = {
        kind: sorted(one.component.name for one in registry.registrations(kind) if one.plugin.built_in)
        for kind in KINDS
    }
    assert list(listed.values()) == list(built_in.values()), [noun(kind) for kind in KINDS]


def test_the_readme_lists_all_verbs():
    told = " ".join(cell for row in table(README, "| verb | what") for cell in row)
    for verb in VERBS:
        assert verb.path[-1] in told


def test_all_controls_are_explained():
    assert [quoted(row[0]) for row in table(RECIPES, "| control |")] == [[name] for name in CONTROLS]


def test_all_reasons_for_skipping_are_explained():
    sources = [path.read_text() for folder in ("core", "plugins", "tasks") for path in (ROOT / folder).rglob("*.py")]
    used = {reason for text in sources for reason in re.findall(r'(?:BadSample|Problem)\(\s*"([a-z ]+)"', text)}
    used |= {reason for text in sources for reason in re.findall(r'Problem\([^"]*"", "([a-z ]+)"', text)}
    listed = {reason for row in table(TROUBLES, "| reason |") for reason in quoted(row[0])}
    assert len(used) > 10
    assert used - listed == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page):
    named = re.findall(r"\b(?:core|plugins|tasks|tests|configs)/[a-z_/]+\.(?:py|yaml)\b", page.read_text())
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_constraints_name_a_fitting_version_of_every_requirement():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    versions = dict(line.split("==") for line in lines)
    assert (versions["torch"], versions["torchvision"]) == ("2.14.1", "0.29.1")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for requirement in map(Requirement, wanted):
        if requirement.name != "multigraft":
            assert versions[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_tests_that_hold_what_goes_wrong_elsewhere_are_there():
    rows = table((ROOT / "docs/adapters.md").read_text(), "| what goes wrong elsewhere |")
    for *_, cell in rows:
        [(file, name)] = [each.split("::") for each in quoted(cell)]
        assert f"\ndef {name}(" in (ROOT / "tests/core" / file).read_text(), cell
    assert len(rows) >= 8
