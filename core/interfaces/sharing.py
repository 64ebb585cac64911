"""Sharing: who owns the tensor behind a part.

A component's `build(options, tasks: tuple[str, ...]) -> Sharing`, with the names of the recipe's tasks. A sharing rule
is a pure function (task, site, part) -> Owner. A tensor's identity is (owner, method, part name): equal owners of a
part are one tensor.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from multigraft.core.types.owner import Owner
from multigraft.core.types.part import Initial, Part
from multigraft.core.types.site import Site


class PartGenerator(nn.Module, ABC):
    """A hypernetwork: makes parts from parameters of its own. Built on the meta device, called functionally."""

    @abstractmethod
    def forward(self, task: str) -> dict[tuple[str, str], Tensor]:
        """The generated parts of one task, by (site name, part name). Called once a task and step."""

    @abstractmethod
    def initial(self, parameter: str) -> Initial:
        """The start value of one of its parameters, by name."""

    def task_of(self, parameter: str) -> str | None:
        """The task that owns a parameter of the generator (a task embedding), or None: all tasks share it.

        A parameter with a task is one tensor for the generators of all stacks, which must agree on its name and shape.
        """
        return None


class Sharing(ABC):
    """Maps (task, site, part) to an owner."""

    @abstractmethod
    def owner(self, task: str, site: Site, part: Part) -> Owner:
        """The owner of a stored part."""

    def generates(self, site: Site, part: Part) -> bool:
        """Whether this part comes from the rule's hypernetwork instead of being stored."""
        return False

    def generator(self, wanted: Sequence[tuple[Site, Part]]) -> PartGenerator:
        """The hypernetwork for the parts that `generates` named.

        One is built for each stack of the backbone; those of a method have the parameters of a task in common.
        """
        raise NotImplementedError(f"{type(self).__name__} generates no parts")

    def unused(self, parts: Sequence[str]) -> Sequence[str]:
        """Texts of its options (names or patterns of parts) that fit none of these parts. Refused by `check`.

        Args:
            parts: names of the parts of all adapters that go by this rule.
        """
        return ()

    def refuse(self, parts: Mapping[str, Part]) -> str | None:
        """Why this rule makes no sense, or would do nothing, for these parts; None where it is well. Said by `check`.

        Args:
            parts: those of an adapter at a site, or the trained parameters of a prompt generator.
        """
        return None
