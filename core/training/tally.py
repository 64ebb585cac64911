"""The losses of a step: kept on the device, and read once."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from accelerate import Accelerator

    from multigraft.core.model.task_objective import ObjectiveLoss, TaskObjective
    from multigraft.core.training.step_data import ObjectiveName

_LEAST = 1e-12
"""A denominator of nothing."""


class Tally:
    """Adds up means, by objective and part.

    Args:
        tasks: those of the global batch.
        denominators: of the global batch; numbers, or tensors where several processes have added them up.
    """

    def __init__(
        self,
        objectives: Mapping[str, Sequence["TaskObjective"]],
        tasks: Sequence[str],
        denominators: Mapping["ObjectiveName", float | Tensor],
        device: torch.device,
    ) -> None:
        self._objectives = {task: objectives[task] for task in tasks}
        self._denominators = denominators
        self._zero = torch.zeros((), device=device)
        self._sums: dict[str, Tensor] = {}
        for task, own in self._objectives.items():
            for each in own:
                parts = [f"{task}/{each.name}/{part}" for part in each.objective.parts]
                self._sums |= dict.fromkeys([f"{task}/{each.name}", *parts], self._zero)
        self._total = self._zero

    def add(self, losses: Mapping[str, Sequence["ObjectiveLoss"]]) -> dict[str, Tensor]:
        """Take the losses of a micro-batch; each task's mean, with gradient, of its share of the global batch."""
        return {task: self._mean(task, own) for task, own in losses.items()}

    def add_total(self, total: Tensor) -> None:
        """Take what is trained on: it must be finite too."""
        self._total = self._total + total.detach().float()

    def read(self, others: Sequence[Tensor], accelerator: "Accelerator") -> list[float]:
        """Bring the numbers of all processes together, and read them: the means, the total, and the others' sums.

        This is the one time in a step that the host waits for the device.
        """
        own = torch.stack([*self._sums.values(), self._total])
        if accelerator.num_processes > 1:
            own = accelerator.reduce(torch.cat([own, *(each.float() for each in others)]), "sum")
        values: list[float] = own.tolist()
        return values

    def losses(self, read: Sequence[float]) -> dict[str, float]:
        """The mean loss of each task: the weighted sum over its objectives."""
        values = dict(zip(self._sums, read, strict=False))
        return {
            task: sum(each.weight * values[f"{task}/{each.name}"] for each in own)
            for task, own in self._objectives.items()
        }

    def details(self, read: Sequence[float]) -> dict[str, float]:
        """The means of objectives beside each other and of their parts."""
        values = dict(zip(self._sums, read, strict=False))
        single = {f"{task}/{own[0].name}" for task, own in self._objectives.items() if len(own) == 1}
        return {name: value for name, value in values.items() if name not in single}

    @property
    def size(self) -> int:
        """How many numbers there are, the total among them."""
        return len(self._sums) + 1

    def _mean(self, task: str, losses: Sequence["ObjectiveLoss"]) -> Tensor:
        total = self._zero
        for loss in losses:
            denominator = self._denominators[task, loss.name]
            denominator = denominator.clamp(min=_LEAST) if isinstance(denominator, Tensor) else max(denominator, _LEAST)
            self._keep(f"{task}/{loss.name}", loss.sum / denominator)
            for part, value in loss.parts.items():
                self._keep(f"{task}/{loss.name}/{part}", value / denominator)
            total = total + loss.weight * (loss.sum / denominator)
        return total

    def _keep(self, name: str, value: Tensor) -> None:
        self._sums[name] = self._sums[name] + value.detach().float()
