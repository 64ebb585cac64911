"""Where the names of components are looked up; without pydantic, so that the registry need not wait for it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from multigraft.core.options.base import Options


class ComponentLookup(Protocol):
    """Names to options models: what a validation needs of a registry."""

    def names(self, kind: str) -> Sequence[str]:
        """The shortest name of each component that a recipe may use."""
        ...

    def options(self, kind: str, name: str) -> "type[Options]":
        """The options model of a component."""
        ...

    def full_name(self, kind: str, name: str) -> str:
        """`plugin/name` of a component."""
        ...


_default: list[Callable[[], ComponentLookup]] = []


def look_up_by_default(lookup: Callable[[], ComponentLookup]) -> None:
    """Take component names from there where a validation has no `{"registry": ...}` as its context."""
    _default[:] = [lookup]


def lookup_of(context: Any) -> ComponentLookup:
    """That of a validation's context, or the one to take by default.

    Raises:
        RuntimeError: neither is there, as nothing of `multigraft` itself was asked for yet.
    """
    if context and "registry" in context:
        return cast(ComponentLookup, context["registry"])
    if not _default:
        raise RuntimeError('give a registry as context={"registry": ...}, or import what you use from `multigraft`')
    return _default[0]()
