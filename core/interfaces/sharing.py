"""Sharing: who owns the tensor behind a part.

A component's `build(options, tasks: tuple[str, ...]) -> Sharing`, with the names of the recipe's tasks. A sharing rule
is two pure functions: which tasks have a tensor together, and over which sites. A tensor's identity is (both scopes,
method, part name): a part with equal scopes is one tensor.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from multigraft.core.types.part import Initial, Part
from multigraft.core.types.site import Site


class PartGenerator(nn.Module, ABC):
    """A hypernetwork: makes parts from parameters of its own. Built on the meta device, called functionally."""

    makes: Sequence[tuple[str, str]]
    """(site name, part name) of what it makes; the rest of what was wanted is stored."""

    @abstractmethod
    def forward(self, tasks: Sequence[str]) -> Mapping[tuple[str, str], Tensor]:
        """The parts of some tasks, by (site name, part name): `(tasks, *shape)`. Called once a batch. It may use the
        parameters of these tasks alone."""

    @abstractmethod
    def initial(self, parameter: str) -> Initial:
        """The start value of one of its parameters, by name."""

    def task_of(self, parameter: str) -> str | None:
        """The task that owns a parameter of the generator (a task embedding), or None: all tasks share it.

        A parameter with a task is one tensor for the generators of all stacks, which must agree on its name and shape.
        """
        return None


class Sharing(ABC):
    """Who owns a part, and where."""

    @abstractmethod
    def task_scope(self, task: str, site: Site, part: Part) -> str:
        """Whose a part is: `shared`, `task:NAME` or `group:NAME`."""

    def place(self, site: Site, part: Part) -> str:
        """Over which sites a part is one tensor: the part's own scope, which a rule may widen and not narrow."""
        return place_of(site, part)

    def generator(self, wanted: Sequence[tuple[Site, Part]]) -> PartGenerator | None:
        """The hypernetwork for some of these parts; None where all are stored.

        One is built for each stack of the trunk; those of a method have the parameters of a task in common.
        """
        return None

    def unused(self, parts: Sequence[str]) -> Sequence[str]:
        """Texts of its options (names or patterns of parts) that fit none of these parts. Refused by `check`.

        Args:
            parts: names of the parts of all adapters that go by this rule.
        """
        return ()

    def refuse(self, parts: Mapping[str, Part]) -> str | None:
        """Why this rule makes no sense, or would do nothing, for these parts; None where it is well. Said by `check`.

        Args:
            parts: those of an adapter at a site, parameters of a prompt generator, or all trunk tensors it is for.
        """
        return None


def place_of(site: Site, part: Part) -> str:
    """The site scope that a part asks for: the name of its site, layer or stack, or `model`."""
    if part.scope == "layer" and site.layer is not None:
        return f"{site.stack}.{site.layer}"
    return {"site": site.name, "model": "model"}.get(part.scope, site.stack)
