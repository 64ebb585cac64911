"""Lockstep: in every process a micro-batch makes the same passes in the same order, as sharded layers need it.

Which ones is decided by the recipe alone: what the objectives of its tasks read, of those that learn and, without
gradient, of those that do not. A process runs a pass that its rows do not ask for over one padding token on which
nothing is grafted. All passes take part in the backward pass. Autograd goes through it in the reverse order in which
they were made, and no tensor of the graft gets a gradient that it would not have without sharding.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.objective import Objective
from multigraft.core.trunk.passes import Passes, idle_run, runs_for


class Lockstep:
    """The passes of one micro-batch after another.

    Args:
        objectives: of all tasks of the recipe.
        unlearned: tasks that go through passes without gradient.
        split: whether targets are read as a continuation in every micro-batch, since prompts may join in front of them.
    """

    def __init__(
        self, backbone: Backbone, objectives: Mapping[str, Objective], unlearned: Collection[str], split: bool
    ) -> None:
        self._backbone, self._objectives, self.split = backbone, objectives, split
        told = {
            learned: [task for task in objectives if (task not in unlearned) == learned] for learned in (True, False)
        }
        self._runs = {learned: runs_for(backbone, self._reads(tasks), split) for learned, tasks in told.items()}
        self._states: list[Tensor] = []

    def make(self, passes: Passes | None, tasks: Iterable[str], learned: bool) -> None:
        """Make all passes of the tasks that learn, or of those that do not.

        Args:
            passes: of the rows of `tasks`; None where this process has none.
        """
        asked = passes.runs(self._reads(tasks)) if passes else ()
        for run in self._runs[learned]:
            self._states.append(passes.make(run) if passes and run in asked else idle_run(self._backbone, run))
        if passes:
            passes.closed = True

    def tied(self, total: Tensor) -> Tensor:
        """The loss of the micro-batch, whose backward pass goes through all passes that were made."""
        states, self._states = [each for each in self._states if each.requires_grad], []
        tied: Tensor = _Tied.apply(total, *states)
        return tied

    def idle(self, batches: int) -> None:
        """Make the passes of micro-batches that other processes have and this one has not, forward and backward."""
        for _ in range(batches):
            for learned in (True, False):
                with torch.set_grad_enabled(learned):
                    self.make(None, (), learned)
            total = self.tied(self._backbone.word_table().new_zeros(()))
            if total.requires_grad:
                total.backward()  # type: ignore[no-untyped-call]

    def _reads(self, tasks: Iterable[str]) -> set[str]:
        return {read for task in tasks for read in self._objectives[task].reads}


class _Tied(torch.autograd.Function):
    """A number that depends on states by a derivative of zero."""

    @staticmethod
    def forward(ctx: Any, total: Tensor, *states: Tensor) -> Tensor:
        ctx.zeros = [each.new_zeros(()).expand(each.shape) for each in states]
        return total.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return (gradients[0], *ctx.zeros)
