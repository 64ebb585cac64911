"""Who may import whom, how long files and functions may be, and that every hook is in use."""

import ast
import inspect
from functools import cache
from pathlib import Path

import pytest

import multigraft
from multigraft.core.registry.hookspecs import DeclaringHooks, RunHooks
from multigraft.plugins import builtin
from multigraft.plugins.quickstart import plugin

ROOT = Path(__file__).parents[1]
FILES = [path for folder in ("core", "plugins", "tasks") for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES = [path for path in FILES if "_package" not in path.parts]
OUTSIDE = [
    path for folder in ("plugins", "tasks", "tests/thirdparty") for path in sorted((ROOT / folder).rglob("*.py"))
]
LONGEST_FILE, LONGEST_FUNCTION, DEEPEST_IMPORT = 300, 40, 8
ROOMS = (
    "errors", "suggest", "atomic", "locking", "types", "ops", "options", "interfaces", "registry", "recipe", "data",
    "graft", "trunk", "model", "run", "evaluation", "check", "training", "search", "library", "testing", "report",
    "cli",
)  # fmt: skip
"""Folders and files of core; each imports only what stands before it."""
VALUES_ONLY = ("types", "ops", "options", "interfaces", "data", "graft", "trunk")
DATA_ONLY = ("options.py", "builtin.py")


def name_of(path):
    """`core/types/batch.py` is `core.types.batch`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def statements(node):
    """Import statements that run when a module is imported: none in functions or under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and "TYPE_CHECKING" not in _condition(child):
            yield from statements(child)


def _condition(node):
    return ast.unparse(node.test) if isinstance(node, ast.If) else ""


@cache
def imports_of(path, everywhere=False):
    """Dotted names of the modules that a file imports."""
    tree = ast.parse(path.read_text())
    found = ast.walk(tree) if everywhere else statements(tree)
    names = set()
    for node in found:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


PATHS = {f"multigraft.{name_of(path)}": path for path in SOURCES}


def modules_of(path, everywhere):
    """Our modules that a file imports, but for itself."""
    imported = imports_of(path, everywhere)
    return {name if name in PATHS else name.rpartition(".")[0] for name in imported} & set(PATHS) - {
        f"multigraft.{name_of(path)}"
    }


def ours(names):
    """`core.types.batch` for `multigraft.core.types.batch`."""
    return {name.removeprefix("multigraft.") for name in names if name.startswith("multigraft.")}


@cache
def room_of(name):
    """`core.types.batch` lies in `types`; other files of ours in none."""
    parts = name.split(".")
    return parts[1] if parts[0] == "core" and len(parts) > 1 else None


def test_there_are_files_to_look_at():
    assert len(SOURCES) > 100


@pytest.mark.parametrize("path", [path for path in SOURCES if name_of(path).startswith("core")], ids=name_of)
def test_core_imports_neither_plugins_nor_tasks(path):
    assert [
        name for name in imports_of(path, True) if name.startswith(("multigraft.plugins", "multigraft.tasks"))
    ] == []


@pytest.mark.parametrize("path", [path for path in SOURCES if name_of(path).startswith("core.")], ids=name_of)
def test_a_room_imports_only_rooms_above_it(path):
    room = room_of(name_of(path))
    assert room in ROOMS
    imported = {room_of(name) for name in ours(imports_of(path, True)) if name.startswith("core.")} - {room}
    assert [name for name in imported if ROOMS.index(name) > ROOMS.index(room)] == []


@pytest.mark.parametrize("path", [path for path in SOURCES if room_of(name_of(path)) in VALUES_ONLY], ids=name_of)
def test_rooms_of_values_know_no_recipe_and_no_registry(path):
    assert {room_of(name) for name in ours(imports_of(path, True))} & {"recipe", "registry", "run"} == set()


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_plugins_tasks_and_third_parties_use_the_public_surface_alone(path):
    surface = ("multigraft", *(f"multigraft.{name}" for name in ("init", "ops", "stacks", "testing")))
    own = (*surface, "multigraft.plugins", "multigraft.tasks")
    modules = {name if name.count(".") == 1 else ".".join(name.split(".")[:2]) for name in imports_of(path, True)}
    wrong = {name for name in imports_of(path, True) if name.startswith("multigraft.core")}
    assert wrong == set()
    assert {name for name in modules if name.startswith("multigraft.") and name not in own} <= {
        f"multigraft.{name}" for name in multigraft.__all__
    }


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name in DATA_ONLY], ids=name_of)
def test_modules_of_options_import_nothing_heavy(path):
    heavy = {name.partition(".")[0] for name in imports_of(path)} & {"torch", "transformers", "decord", "timm", "numpy"}
    assert heavy == set()


def test_files_are_short():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_are_short():
    long = {
        f"{name_of(path)}.{node.name}": node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == {}


def test_imports_go_in_no_circle_not_even_those_of_functions_and_of_types():
    done = set()

    def walk(module, above=()):
        assert module not in above, " -> ".join([*above, module])
        if module not in done:
            for name in sorted(modules_of(PATHS[module], everywhere=True)):
                walk(name, (*above, module))
            done.add(module)

    for module in PATHS:
        walk(module)


def test_imports_are_not_deep():
    @cache
    def depth(module):
        return max((1 + depth(name) for name in modules_of(PATHS[module], everywhere=False)), default=0)

    assert {module: depth(module) for module in PATHS if depth(module) > DEEPEST_IMPORT} == {}


@pytest.mark.parametrize("hooks", [DeclaringHooks, RunHooks])
def test_every_hook_is_documented_and_in_use(hooks):
    """By a built-in, or by the distribution under tests, which trains on another loss."""
    names = [name for name in vars(hooks) if not name.startswith("_")]
    assert [name for name in names if not inspect.getdoc(getattr(hooks, name))] == []
    marked = [
        name for name in names for each in (builtin, plugin) if hasattr(getattr(each, name, None), "multigraft_impl")
    ]
    sample = (Path(__file__).parent / "thirdparty/multigraft-sample/src/multigraft_sample/__init__.py").read_text()
    assert set(names) == {*marked, *(name for name in names if f"def {name}(" in sample)}
