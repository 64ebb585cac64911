"""A recipe as written: YAML nodes with their places, `--set` overrides put in, plain values out."""

import re
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node

from multigraft.core.recipe.overrides import SetError, put_in
from multigraft.core.recipe.problems import COMMAND_LINE, Problem, RecipeError
from multigraft.core.recipe.yaml_location import descend
from multigraft.core.recipe.yaml_nodes import compose, faults, values

_OVERRIDE = "--set "
_UNQUOTED_BRACE = re.compile(r".*[^\s,:\[{]\{$")
Location = Sequence[str | int]


class RecipeFile:
    """A recipe's nodes and the texts they came from.

    Args:
        text: of the recipe; read from `path` if left out.

    Raises:
        RecipeError: no YAML mapping, repeated keys, or an override that cannot be put in.
    """

    def __init__(self, path: Path, overrides: Sequence[str] = (), text: str | None = None) -> None:
        self._texts: dict[str, list[str]] = {}
        self.path = path
        root = self._compose(_read(path) if text is None else text, str(path))
        if not isinstance(root, MappingNode):
            mark = root.start_mark if root else yaml.Mark(str(path), 0, 0, 0, None, 0)
            raise RecipeError(
                [self._at(mark, "", "a recipe is a mapping of keys", "`multigraft init` writes one to start from")]
            )
        self.root: Node = root
        self._refuse_faults()
        self._override(overrides)

    @property
    def data(self) -> dict[str, Any]:
        """The plain values."""
        return values(self.root)  # type: ignore[no-any-return]

    def overridden(self, overrides: Sequence[str]) -> "RecipeFile":
        """The same recipe with overrides.

        Raises:
            RecipeError: one that cannot be put in.
        """
        other = copy(self)
        other._texts = dict(self._texts)
        other._override(overrides)
        return other

    def problem(self, location: Location, message: str, hint: str = "", at_key: bool = False) -> Problem:
        """A problem at a place in the recipe; where the place is not written out, at the nearest one above it."""
        place = descend(self.root, location)
        node = place.key if place.key is not None and (at_key or place.missing) else place.node
        return self._at(node.start_mark, ".".join(place.path), message, hint)

    def key_problem(self, location: Location, message: str, hint: str = "") -> Problem:
        """A problem of the last key of a location; the path is that of its mapping."""
        *above, _ = location
        return replace(self.problem(location, message, hint, at_key=True), path=self.problem(above, "").path)

    def _at(self, mark: yaml.Mark, path: str, message: str, hint: str) -> Problem:
        lines = self._texts.get(mark.name, [])
        source = lines[mark.line] if mark.line < len(lines) else ""
        if mark.name.startswith(_OVERRIDE):
            return Problem(COMMAND_LINE, 0, len(_OVERRIDE) + mark.column + 1, path, message, hint, _OVERRIDE + source)
        return Problem(str(self.path), mark.line + 1, mark.column + 1, path, message, hint, source)

    def _compose(self, text: str, name: str, shown: str | None = None) -> Node | None:
        self._texts[name] = (text if shown is None else shown).splitlines()
        try:
            return compose(text, name)
        except yaml.MarkedYAMLError as error:
            raise RecipeError([self._syntax_problem(error)]) from None
        except yaml.YAMLError as error:
            raise RecipeError([Problem(str(self.path), 1, 1, "", f"not YAML: {error}")]) from None

    def _syntax_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark or yaml.Mark(str(self.path), 0, 0, 0, None, 0)
        problem = self._at(mark, "", f"not YAML: {error.problem}", error.context or "")
        if _UNQUOTED_BRACE.match(problem.source[: problem.col]):
            return replace(problem, hint='in a list, put quotes around text with braces: "shards/a-{000..007}.tar"')
        return problem

    def _refuse_faults(self) -> None:
        problems = [self._at(node.start_mark, "", message, hint) for node, message, hint in faults(self.root)]
        if problems:
            raise RecipeError(problems)

    def _override(self, overrides: Sequence[str]) -> None:
        problems = []
        for text in overrides:
            try:
                self._put_in(text)
            except SetError as error:
                col = len(_OVERRIDE) + 1
                problems.append(Problem(COMMAND_LINE, 0, col, "", error.message, error.hint, _OVERRIDE + text))
            except RecipeError as error:
                problems += error.problems
        if problems:
            raise RecipeError(problems)
        self._refuse_faults()

    def _put_in(self, text: str) -> None:
        path, equals, value = text.partition("=")
        if not path or not equals:
            raise SetError("an override has the form KEY.KEY=VALUE", "such as --set train.steps=100")
        padded = " " * (len(path) + 1) + value
        node = self._compose(padded, _OVERRIDE + text, shown=text)
        if node is None:
            mark = yaml.Mark(_OVERRIDE + text, 0, 0, len(padded), None, 0)
            node = yaml.ScalarNode("tag:yaml.org,2002:null", "", mark, mark)
        self.root = put_in(self.root, path.split("."), node)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RecipeError([Problem(str(path), line, 1, "", "not UTF-8 text", "save the recipe as UTF-8")]) from error
