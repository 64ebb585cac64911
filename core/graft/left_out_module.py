"""A module of a graft that a model is without."""

from torch import Tensor, nn

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attachment import GraftModule
from multigraft.core.graft.bank import Bank


class LeftOutModuleError(MultigraftError):
    """A task reads a module of the graft, in a model without it."""


class LeftOutModule(GraftModule[nn.Module]):
    """In the place of a module that is not there."""

    def values(self, bank: Bank, task: str) -> dict[str, Tensor]:
        """None.

        Raises:
            LeftOutModuleError: always.
        """
        raise LeftOutModuleError(f"task {task!r} is answered by {self.name!r}, which the graft brings")
