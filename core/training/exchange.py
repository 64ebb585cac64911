"""What the processes of a training tell each other in a step, besides gradients."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.model.gathering import gather_tensor
from multigraft.core.run.distributed import gather_rows

if TYPE_CHECKING:
    from accelerate import Accelerator

    from multigraft.core.model.model import Features, Model, SharedFeatures, ShareFeatures
    from multigraft.core.model.task_objective import ObjectiveLoss, TaskObjective
    from multigraft.core.training.step_data import ObjectiveName, StepData
    from multigraft.core.types.batch import Batch


class StepExchange:
    """Denominators, features and what is appended to states, of one step.

    Every process calls the same of its methods in the same order, whatever rows it has: which tasks the global batch
    has is known to all.
    """

    def __init__(self, model: "Model", data: "StepData", unlearned: Sequence[str], accelerator: "Accelerator") -> None:
        self._model, self._data, self._accelerator = model, data, accelerator
        self._alone = accelerator.num_processes == 1
        self._unlearned = unlearned
        self._shared: list[Tensor] = []
        self._kept: dict[ObjectiveName, list[tuple[list[int], Mapping[str, Tensor]]]] = {}
        self._places = self._everyones_places()

    def denominators(self) -> Mapping["ObjectiveName", float | Tensor]:
        """Those of the global batch; over several processes they stay on the device."""
        own = self._data.denominators
        if self._alone:
            return own
        names = [(task, each.name) for task, each in self._objectives()]
        numbers = torch.tensor([own.get(name, 0.0) for name in names], dtype=torch.float64)
        total = self._accelerator.reduce(numbers.to(self._accelerator.device), "sum")
        return dict(zip(names, total.float().unbind(), strict=True))

    def sharing(self, learned: bool) -> "ShareFeatures | None":
        """What brings the features of objectives together; None for a single process."""
        return None if self._alone else lambda own: self._share(own, learned)

    def idle(self, learned: bool) -> list[Tensor]:
        """Take part in the sharing of features without a row."""
        if self._alone:
            return []
        with torch.set_grad_enabled(learned):
            self._share({}, learned)
        return self.shared()

    def shared(self) -> list[Tensor]:
        """Features that were brought together since this was last asked, for the backward pass to go through."""
        found, self._shared = self._shared, []
        return found

    def keep(self, losses: Mapping[str, Sequence["ObjectiveLoss"]], batch: "Batch") -> None:
        """Keep what objectives append, until the step is made."""
        for segment in batch.segments:
            places = [row.sample.place for row in batch.rows[segment.rows]]
            for loss in losses[segment.task]:
                if loss.append:
                    values = {name: value.detach() for name, value in loss.append.items()}
                    self._kept.setdefault((segment.task, loss.name), []).append((places, values))

    @torch.no_grad()
    def appended(self) -> dict["ObjectiveName", dict[str, Tensor]]:
        """What all processes have appended, in the global batch's order."""
        found: dict[ObjectiveName, dict[str, Tensor]] = {}
        for task, own in self._objectives():
            if own.state and task not in self._unlearned and any(map(len, self._rows_of(task))):
                found[task, own.name] = self._in_order(task, own)
        return found

    def _in_order(self, task: str, own: "TaskObjective") -> dict[str, Tensor]:
        kept = self._kept.get((task, own.name), [])
        places = [place for some, _ in kept for place in some]
        device, joined = self._accelerator.device, {}
        shapes = own.objective.append_shapes(self._model.shapes)
        for name, (shape, dtype) in shapes.items():
            pieces = [values[name] for _, values in kept]
            joined[name] = torch.cat(pieces) if pieces else torch.zeros(0, *shape, dtype=dtype, device=device)
        if self._alone:
            order = sorted(range(len(places)), key=places.__getitem__)
            return {name: value[torch.tensor(order).to(device, non_blocking=True)] for name, value in joined.items()}
        ranks = self._rows_of(task)
        everyones = [place for rank in ranks for place in rank]
        own_order = torch.tensor(sorted(range(len(places)), key=places.__getitem__), dtype=torch.long).to(device)
        together = torch.tensor(sorted(range(len(everyones)), key=everyones.__getitem__)).to(device)
        counts = [len(rank) for rank in ranks]
        return {name: gather_tensor(value[own_order], counts, self._rank)[together] for name, value in joined.items()}

    def _share(self, own: "Features", learned: bool) -> "SharedFeatures":
        found: dict[ObjectiveName, tuple[Mapping[str, Tensor], int]] = {}
        for task, each in self._objectives():
            shapes = each.objective.feature_shapes(self._model.shapes)
            if not shapes or (task in self._unlearned) == learned:
                continue
            counts = [len(rank) for rank in self._rows_of(task)]
            features = own.get((task, each.name)) or {
                name: torch.zeros(0, *shape, dtype=dtype, device=self._accelerator.device)
                for name, (shape, dtype) in shapes.items()
            }
            together = {name: gather_tensor(features[name], counts, self._rank) for name in shapes}
            self._shared += together.values()
            found[task, each.name] = together, sum(counts[: self._rank])
        return found

    def _objectives(self) -> list[tuple[str, "TaskObjective"]]:
        return [(task, each) for task in self._data.tasks for each in self._model.objectives[task]]

    def _rows_of(self, task: str) -> list[list[int]]:
        """The places of a task's rows that go through passes, by process."""
        return [places.get(task, []) for places in self._places]

    @property
    def _rank(self) -> int:
        return int(self._accelerator.process_index)

    def _everyones_places(self) -> list[dict[str, list[int]]]:
        """Of all processes where an objective asks for it: the host must know how many rows each has."""
        own: dict[str, list[int]] = {}
        for row in self._data.rows:
            if row.weight != 0:
                own.setdefault(row.task, []).append(row.sample.place)
        own = {task: sorted(places) for task, places in own.items()}
        asked = any(each.state or each.objective.feature_shapes(self._model.shapes) for _, each in self._objectives())
        return gather_rows(self._accelerator, [own]) if asked and not self._alone else [own]
