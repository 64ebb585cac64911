"""docs/plugins.md shows each contract as it is written, and as examples the files of the distribution under tests.

`python tests/test_plugin_page.py` writes both again.
"""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import multigraft
from multigraft import stacks
from multigraft.core.interfaces.objective import PairStates
from multigraft.core.registry.hookspecs import KINDS
from multigraft.core.types.batch import MediaItems, Segment, TextBatch
from multigraft.core.types.sample import Sample

PAGE = Path(__file__).parents[1] / "docs" / "plugins.md"
SAMPLE = Path(__file__).parent / "thirdparty" / "multigraft-sample" / "src" / "multigraft_sample"
RECEIVED = {each.__name__: each for each in (PairStates, MediaItems, Segment, TextBatch, Sample)}
"""What is no public name, since it is only received."""
BLOCKS = re.compile(r"<!-- (contract|example): ([\w ]+) -->\n.*?<!-- /\1 -->", re.DOTALL)


def class_of(name):
    return RECEIVED.get(name) or getattr(stacks, name, None) or getattr(multigraft, name)


def comment(text, indent="    "):
    """A docstring as comment lines."""
    return (f"{indent}# {line}".rstrip() for line in inspect.cleandoc(text).splitlines())


def signature(node):
    """`def NAME(ARGUMENTS) -> RETURNS`, with what marks it."""
    for mark in node.decorator_list:
        if ast.unparse(mark) in ("property", "abstractmethod", "classmethod", "staticmethod"):
            yield f"    @{ast.unparse(mark)}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    yield f"    def {node.name}({ast.unparse(node.args)}){returns}: ...".replace("'", "")


def contract(name):
    """The class without its bodies, docstrings as comments."""
    node = ast.parse(textwrap.dedent(inspect.getsource(class_of(name)))).body[0]
    bases = ", ".join(ast.unparse(base) for base in node.bases if ast.unparse(base) != "ABC")
    yield f"class {name}({bases}):" if bases else f"class {name}:"
    yield from comment(ast.get_docstring(node))
    for member, behind in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            yield ""
            yield from signature(member)
            yield from comment(ast.get_docstring(member) or "", "        ")
        elif isinstance(member, ast.AnnAssign | ast.Assign):
            target = member.target if isinstance(member, ast.AnnAssign) else member.targets[0]
            if not ast.unparse(target).startswith(("_", "model_config")):
                yield f"    {ast.unparse(member)}"
                if isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant):
                    yield from comment(behind.value.value, "        ")


def example(words):
    """A file of the distribution, and the options that it names."""
    file, *options = words.split()
    written = (SAMPLE / "options.py").read_text()
    classes = {node.name: node for node in ast.parse(written).body if isinstance(node, ast.ClassDef)}
    shown = [ast.get_source_segment(written, classes[name]) for name in options]
    if shown:
        yield "```python\n# options.py\n" + "\n\n\n".join(shown) + "\n```\n"
    yield f"```python\n{(SAMPLE / f'{file}.py').read_text()}```"


def rewritten(page):
    """The page with all contracts and examples as they are now."""

    def made(match):
        kind, words = match.groups()
        if kind == "example":
            body = "\n".join(example(words))
        else:
            classes = "\n\n\n".join("\n".join(contract(name)) for name in words.split())
            told = ", ".join(f"<code>{name}</code>" for name in words.split())
            body = f"<details><summary>{told}</summary>\n\n```pyi\n{classes}\n```\n\n</details>"
        return f"<!-- {kind}: {words} -->\n\n{body}\n\n<!-- /{kind} -->"

    return BLOCKS.sub(made, page)


def section(kind):
    return re.split(r"\n##+ ", PAGE.read_text().partition(f"### `register_{kind}()")[2])[0]


def test_contracts_and_examples_are_those_of_the_code():
    page = PAGE.read_text()
    assert page == rewritten(page)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_contract_some_words_and_an_example(kind):
    text = section(kind)
    assert [match[1] for match in BLOCKS.finditer(text)] == ["contract", "example"]
    words = re.sub(r"```.*?```", "", BLOCKS.sub("", text), flags=re.DOTALL)
    assert 3 <= len(re.findall(r"[.?:](?=\s)", words)) <= 26


def hook_examples():
    """The declaring hooks of the page, as it registers them."""
    shown = re.findall(r"```python\n(@hookimpl\ndef register_.*?)```", PAGE.read_text(), re.DOTALL)
    return "from multigraft import Command, Component, RecipeFolder, hookimpl\n\n\n" + "\n\n".join(shown)


@pytest.fixture
def page_plugin(thirdparty_folder, tmp_path):
    """Run `multigraft ...` with a plugin of one file that holds the page's hooks, in place of the distribution's."""
    (tmp_path / "page.py").write_text(hook_examples())
    paths = [str(thirdparty_folder), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def run(*words):
        command = [sys.executable, "-m", "multigraft", "--plugin", "page.py", "--no-plugin", "sample", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)

    return run


def test_every_example_is_registered_by_a_plugin_of_one_file_and_conforms(page_plugin):
    outcome = page_plugin("plugins", "doctor")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    shown = json.loads(page_plugin("plugins", "show", "page", "--json").stdout)
    assert [each["kind"] for each in shown["components"]] == list(KINDS)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
