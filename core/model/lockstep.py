"""Lockstep: in every process a micro-batch makes the same passes in the same order, as sharded layers need it.

Which ones is decided by the recipe alone: what the objectives of its tasks read, of those that learn and, without
gradient, of those that do not. A process runs a pass that its rows do not ask for over one padding token on which
nothing is grafted. All passes take part in the backward pass. Autograd goes through it in the reverse order in which
they were made, and no tensor of the graft gets a gradient that it would not have without sharding.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.model.tied import tied
from multigraft.core.trunk.runs import idle_run, runs_for
from multigraft.core.types.need import View

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.model.batch_passes import BatchPasses
    from multigraft.core.model.task_objective import TaskObjective


class Lockstep:
    """The passes of one micro-batch after another.

    Args:
        objectives: of all tasks of the recipe.
        unlearned: tasks that go through passes without gradient.
        split: whether targets are read as a continuation in every micro-batch, since prompts may join in front of them.
    """

    def __init__(
        self,
        backbone: "Backbone",
        objectives: Mapping[str, Sequence["TaskObjective"]],
        unlearned: Collection[str],
        split: bool,
    ) -> None:
        self._backbone, self._objectives, self.split = backbone, objectives, split
        told = {
            learned: [task for task in objectives if (task not in unlearned) == learned] for learned in (True, False)
        }
        self._runs = {learned: runs_for(backbone, self._reads(tasks), split) for learned, tasks in told.items()}
        self._states: list[Tensor] = []

    def make(self, passes: "BatchPasses | None", learned: bool) -> None:
        """Make all passes of the tasks that learn, or of those that do not.

        Args:
            passes: of rows of these tasks; None where this process has none.
        """
        asked = passes.runs() if passes else ()
        for run in self._runs[learned]:
            if passes and run in asked:
                self._states.append(passes.of(View(), run)[0].make(run))
            else:
                self._states.append(idle_run(self._backbone, run))
        if passes:
            passes.closed = True

    def tied(self, total: Tensor) -> Tensor:
        """The loss of the micro-batch, whose backward pass goes through all passes that were made."""
        states, self._states = self._states, []
        return tied(total, states)

    def idle(self, batches: int, learned: bool) -> None:
        """Make the passes of micro-batches that other processes have and this one has not, forward and backward."""
        for _ in range(batches):
            with torch.set_grad_enabled(learned):
                self.make(None, learned)
            total = self.tied(self._backbone.word_table().new_zeros(()))
            if total.requires_grad:
                total.backward()  # type: ignore[no-untyped-call]

    def _reads(self, tasks: Iterable[str]) -> set[str]:
        return {need.what for task in tasks for each in self._objectives[task] for need in each.objective.needs}
