"""Problems of the recipes of a search's draws, told at the values that they come from."""

import json
from collections.abc import Sequence
from textwrap import shorten
from typing import Any

from multigraft.core.check.subject import Subject
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.recipe.problems import COMMAND_LINE, Problem
from multigraft.core.recipe.search_arms import search_section
from multigraft.core.recipe.search_section import Choice, SearchSection

_LONGEST = 60
"""Characters of a value in a message."""
_OF_ANOTHER_KIND = "unknown key"
"""How the problem begins of an option that the kind which is put in does not have."""


class DrawProblems:
    """Those of many draws: what some values bring about is told once, and not again of draws that have more of them."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._told: list[tuple[str, str, dict[int, int]]] = []
        self.found: dict[Problem, None] = {}

    def add(self, arms: Arms, problem: Problem) -> None:
        """A problem of a draw's recipe; draws come with those of the choices' first values before others."""
        blamed = _blamed(search_section(self._subject.recipe), arms, problem.path)
        for path, message, values in self._told:
            if (path, message) == (problem.path, problem.message) and all(arms[n] == arm for n, arm in values.items()):
                return
        self._told.append((problem.path, problem.message, {number: arms[number] for number in blamed}))
        self.found[at_value(self._subject, arms, problem)] = None


def at_value(subject: Subject, arms: Arms, problem: Problem) -> Problem:
    """A problem of a draw's recipe, at the first of the values that it comes from. A key that is in no list of the
    recipe is one of the key."""
    search = search_section(subject.recipe)
    names, blamed = list(search.choices), _blamed(search, arms, problem.path)
    place = ("search", "choices", names[blamed[0]])
    if not problem.path and problem.file == COMMAND_LINE:
        return subject.document.problem((*place, "keys"), problem.message, problem.hint)
    choices = [(search.choices[names[number]], arms[number]) for number in blamed]
    message, hint = f"{problem.path}: {problem.message}".removeprefix(": "), problem.hint
    wider = [key.removesuffix(".kind") for choice, _ in choices for key in choice.keys if key.endswith(".kind")]
    if wider and problem.message.startswith(_OF_ANOTHER_KIND):
        message = f"options stay that are those of another kind: {message}"
        hint = f"choose among whole sections, `keys: {', '.join(wider)}`"
    told = " and ".join(f"`{choice.keys[0]}: {short(choice.values[arm])}`" for choice, arm in choices)
    return subject.document.problem((*place, "values", arms[blamed[0]]), f"with {told}, {message}", hint)


def _blamed(search: SearchSection, arms: Arms, path: str) -> Sequence[int]:
    """Choices that set what lies at, above or below a path, those that do not have their first value if there are any;
    without such a choice the last that has another value than its first."""
    choices = list(search.choices.values())
    setting = [number for number, choice in enumerate(choices) if path and _sets(choice, path)]
    others = [number for number in setting or range(len(arms)) if arms[number]]
    if setting:
        return others or setting[:1]
    return others[-1:] or [0]


def _sets(choice: Choice, path: str) -> bool:
    return any(f"{path}.".startswith(f"{key}.") or f"{key}.".startswith(f"{path}.") for key in choice.keys)


def short(value: Any) -> str:
    """A value in a message."""
    return shorten(json.dumps(value), _LONGEST, placeholder=" ...")
