"""Wider scopes for parts, as a recipe's `scope` gives them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import get_args

from multigraft.core.errors import OptionError
from multigraft.core.suggest import did_you_mean
from multigraft.core.types.part import Part, Scope

_ORDER = get_args(Scope)


def widened(part: Part, scopes: Mapping[str, Scope]) -> Part:
    """The part with the scope of the last pattern that fits its name.

    Raises:
        OptionError: that is narrower than its own.
    """
    fitting = [pattern for pattern in scopes if fnmatchcase(part.name, pattern)]
    if not fitting:
        return part
    wanted = scopes[fitting[-1]]
    if _ORDER.index(wanted) < _ORDER.index(part.scope):
        raise OptionError(
            ("scope", fitting[-1]),
            f"{wanted!r} is narrower than the scope {part.scope!r} of {part.name}",
            "a scope can be widened alone",
        )
    return replace(part, scope=wanted)


def unknown_patterns(scopes: Iterable[str], parts: Iterable[str]) -> Iterator[OptionError]:
    """Each pattern that fits no part."""
    known = set(parts)
    for pattern in scopes:
        if not any(fnmatchcase(name, pattern) for name in known):
            hint = did_you_mean(pattern, known)
            yield OptionError(("scope", pattern), f"{pattern!r} fits no part of this adapter", hint)
