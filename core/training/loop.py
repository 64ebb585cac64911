"""The training loop: one optimizer step at a time, over one process or many."""

import hashlib
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from multigraft.core.errors import MultigraftError
from multigraft.core.model.objectives import advance
from multigraft.core.model.tied import tied
from multigraft.core.recipe.spans import span_at, spans
from multigraft.core.run.open_run import OpenRun
from multigraft.core.training.cut_counts import CutCounts
from multigraft.core.training.exchange import StepExchange
from multigraft.core.training.optimizer import rate_at, set_rate
from multigraft.core.training.reduce import drop_absent, reduce_gradients
from multigraft.core.training.sharding import missing_batches, shard_trunk
from multigraft.core.training.tally import Tally
from multigraft.core.types.batch import Batch

if TYPE_CHECKING:
    from multigraft.core.training.step_data import StepData


class Trainer:
    """Makes steps; knows nothing of files."""

    def __init__(self, run: OpenRun, optimizer: torch.optim.Optimizer) -> None:
        self.run, self.optimizer = run, optimizer
        self.parameters: list[nn.Parameter] = list(run.model.graft.bank.trained().values())
        self.cuts = CutCounts(run.results.setdefault("cut", {}), list(run.recipe.tasks))
        tasks = run.recipe.tasks
        self.unlearned = [name for name, task in tasks.items() if task.weight == 0]
        self.lockstep = shard_trunk(run, self.unlearned)
        self.first_move: int | None = None
        """The first step in which anything had a gradient."""
        self.details: dict[str, float] = {}
        """Of the last step: the losses of objectives beside each other and their parts, by `TASK/OBJECTIVE/...`."""
        self.spans = spans(run.recipe.train)
        self.total_weights = [sum(tasks[name].weight for name in span.of(tasks)) for span in self.spans]
        for span, weight in zip(self.spans, self.total_weights, strict=True):
            if weight == 0:
                where = f" of stage {span.number}" if len(self.spans) > 1 else ""
                raise MultigraftError(f"every task{where} has `weight: 0`, so nothing would be trained")

    def step(self, step: int, data: "StepData") -> dict[str, float]:
        """One optimizer step over this process's rows; the mean loss of each task in the global batch.

        One thing is read from the device: all losses, when the backward passes are made. Where one is not finite,
        nothing moves.

        Raises:
            MultigraftError: a loss is not finite.
        """
        recipe, model = self.run.recipe, self.run.model
        set_rate(self.optimizer, rate_at(step, recipe.train))
        seed_step(recipe.train.seed, step, self.run.accelerator.process_index)
        exchange = StepExchange(model, data, self.unlearned, self.run.accelerator)
        tally = Tally(model.objectives, data.tasks, exchange.denominators(), self.run.accelerator.device)
        missing = self._missing(data)
        for learned in (True, False):
            for batch in data.batches[learned]:
                self.run.registry.hooks.batch_loaded(run=self.run, step=step, batch=batch)
                self._backward(step, batch.to(self.run.accelerator.device), learned, tally, exchange)
            if self.lockstep:
                self.lockstep.idle(missing[learned], learned)
            if not data.batches[learned]:
                self._share_nothing(exchange, learned)
        losses = self._read(step, data, tally)
        if self._apply() and self.first_move is None:
            self.first_move = step
        if model.graft.bank.teacher:
            model.graft.bank.move_teacher(recipe.train.teacher.momentum)
        advance(model, exchange.appended())
        return losses

    def _read(self, step: int, data: "StepData", tally: Tally) -> dict[str, float]:
        """Bring gradients and losses of all processes together, and read the losses.

        Raises:
            MultigraftError: one is not finite; nothing has moved then.
        """
        had, cuts = reduce_gradients(self.parameters, self.run.accelerator), self.cuts.of(data.rows)
        others = [] if had is None else [had, torch.tensor(cuts).to(self.run.accelerator.device)]
        read = tally.read(others, self.run.accelerator)
        if had is not None:
            rest = read[tally.size :]
            drop_absent(self.parameters, rest[: len(self.parameters)])
            cuts = rest[len(self.parameters) :]
        losses, self.details = tally.losses(read), tally.details(read)
        if not all(map(isfinite, read[: tally.size])):
            worst = ", ".join(task for task, value in losses.items() if not isfinite(value)) or "this step"
            raise MultigraftError(
                f"step {step}: the loss of {worst} is not finite; lower `train.optimizer.rate`, or look at the data"
            )
        self.cuts.add(cuts)
        return losses

    def _backward(self, step: int, batch: Batch, learned: bool, tally: Tally, exchange: StepExchange) -> None:
        losses = self.run.model.losses(batch, True, self.lockstep, exchange.sharing(learned), learned)
        exchange.keep(losses, batch)
        means = tally.add(losses)
        chosen: Tensor | None = self.run.registry.hooks.loss_computed(run=self.run, step=step, losses=means)
        total = self._weighted(step, means) if chosen is None else chosen
        tally.add_total(total)
        total = tied(total, exchange.shared())
        if self.lockstep:
            total = self.lockstep.tied(total)
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]

    def _missing(self, data: "StepData") -> dict[bool, int]:
        """How many micro-batches fewer than another process this one has, of tasks that are learned and of others;
        asked before the first pass, since layers that are gathered wait for all."""
        if not self.lockstep:
            return {}
        return {learned: missing_batches(len(own), self.run.accelerator) for learned, own in data.batches.items()}

    def _share_nothing(self, exchange: StepExchange, learned: bool) -> None:
        """Take part in what other processes do with features of rows that this one has not."""
        if shared := exchange.idle(learned):
            with torch.set_grad_enabled(learned):
                total = tied(torch.zeros((), device=shared[0].device), shared)
            if total.requires_grad:
                total.backward()  # type: ignore[no-untyped-call]

    def _weighted(self, step: int, means: Mapping[str, Tensor]) -> Tensor:
        tasks, total = self.run.recipe.tasks, self.total_weights[span_at(step, self.spans).number - 1]
        return torch.stack([mean * tasks[task].weight for task, mean in means.items()]).sum() / total

    def _apply(self) -> bool:
        """Make the optimizer's step; whether anything had a gradient."""
        moves = any(parameter.grad is not None for parameter in self.parameters)
        clip = self.run.recipe.train.optimizer.clip
        if clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return moves


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed torch's global generator, by which dropout and objectives draw, for a step."""
    digest = hashlib.blake2b(f"{seed}/{step}/{rank}".encode(), digest_size=7).digest()
    torch.manual_seed(int.from_bytes(digest, "big"))
