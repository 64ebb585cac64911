"""Who may import whom, how long files and functions may be, and that every hook is in use."""

import ast
import inspect
from functools import cache
from pathlib import Path

import pytest

from multigraft.core.hookspecs import DeclaringHooks, RunHooks
from multigraft.plugins import builtin

ROOT = Path(__file__).parents[1]
FILES = [path for folder in ("core", "plugins", "tasks") for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES = [path for path in FILES if "_package" not in path.parts]
LONGEST_FILE, LONGEST_FUNCTION, DEEPEST_IMPORT = 300, 40, 8
DATA_ONLY = ("options.py", "builtin.py")


def name_of(path):
    """`core/data/batch.py` is `core.data.batch`."""
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


def test_there_are_files_to_look_at():
    assert len(SOURCES) > 100


@pytest.mark.parametrize("path", [path for path in SOURCES if name_of(path).startswith("core")], ids=name_of)
def test_core_imports_neither_plugins_nor_tasks(path):
    assert [
        name for name in imports_of(path, True) if name.startswith(("multigraft.plugins", "multigraft.tasks"))
    ] == []


def test_plugins_use_only_what_core_publishes():
    wrong = [
        (name_of(path), name)
        for path in SOURCES
        if not name_of(path).startswith("core")
        for name in imports_of(path, True)
        if name.startswith("multigraft.core") and any(part.startswith("_") for part in name.split("."))
    ]
    assert wrong == []


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


def test_imports_are_not_deep_and_never_go_in_circles():
    paths = {f"multigraft.{name_of(path)}": path for path in SOURCES}
    depths = {}

    def depth(module, above=()):
        assert module not in above, " -> ".join([*above, module])
        if module not in depths:
            imported = {name if name in paths else name.rpartition(".")[0] for name in imports_of(paths[module])}
            below = sorted(imported & set(paths))
            depths[module] = max((1 + depth(name, (*above, module)) for name in below), default=0)
        return depths[module]

    deep = {module: depth(module) for module in paths if depth(module) > DEEPEST_IMPORT}
    assert deep == {}


@pytest.mark.parametrize("hooks", [DeclaringHooks, RunHooks])
def test_every_hook_is_documented_and_a_built_in_uses_it(hooks):
    names = [name for name in vars(hooks) if not name.startswith("_")]
    assert [name for name in names if not inspect.getdoc(getattr(hooks, name))] == []
    assert [name for name in names if not hasattr(getattr(builtin, name, None), "multigraft_impl")] == []
