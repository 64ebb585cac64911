"""The training loop: one optimizer step at a time, over one process or many."""

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from multigraft.core.data.collate import collate
from multigraft.core.data.tokens import within
from multigraft.core.errors import MultigraftError
from multigraft.core.model.model import Model
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.spans import span_at, spans
from multigraft.core.run.open_run import OpenRun
from multigraft.core.training.cut_counts import CutCounts
from multigraft.core.training.micro_batches import micro_batches
from multigraft.core.training.optimizer import rate_at, set_rate
from multigraft.core.training.reduce import reduce_gradients, reduce_sums
from multigraft.core.training.sharding import missing_batches, shard_trunk
from multigraft.core.types.batch import Batch, Sample


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
        self.spans = spans(run.recipe.train)
        self.total_weights = [sum(tasks[name].weight for name in span.of(tasks)) for span in self.spans]
        for span, weight in zip(self.spans, self.total_weights, strict=True):
            if weight == 0:
                where = f" of stage {span.number}" if len(self.spans) > 1 else ""
                raise MultigraftError(f"every task{where} has `weight: 0`, so nothing would be trained")

    def step(self, step: int, samples: Sequence[Sample]) -> dict[str, float]:
        """One optimizer step over this process's samples; the mean loss of each task in the global batch."""
        recipe, accelerator = self.run.recipe, self.run.accelerator
        set_rate(self.optimizer, rate_at(step, recipe.train))
        generator = seed_step(recipe.train.seed, step, accelerator.process_index)
        batches = [collated(part, recipe, self.run.model, accelerator.device) for part in self._pieces(samples)]
        self.cuts.add(batches, accelerator)
        denominators = reduce_sums(self._denominators(batches), list(recipe.tasks), accelerator)
        missing = missing_batches(len(batches), accelerator) if self.lockstep else 0
        sums: dict[str, float] = {}
        for batch in batches:
            self.run.registry.hooks.batch_loaded(run=self.run, step=step, batch=batch)
            for task, value in self._backward(step, batch, denominators, generator).items():
                sums[task] = sums.get(task, 0.0) + value
        if self.lockstep:
            self.lockstep.idle(missing)
        if self._apply() and self.first_move is None:
            self.first_move = step
        return reduce_sums(sums, list(recipe.tasks), accelerator)

    def _backward(
        self, step: int, batch: Batch, denominators: Mapping[str, float], generator: torch.Generator
    ) -> dict[str, float]:
        losses = self.run.model.losses(
            batch, training=True, generator=generator, unlearned=self.unlearned, lockstep=self.lockstep
        )
        means = {task: loss.sum / max(denominators[task], 1e-12) for task, loss in losses.items()}
        chosen: Tensor | None = self.run.registry.hooks.loss_computed(run=self.run, step=step, losses=means)
        total = self._weighted(step, means) if chosen is None else chosen
        if not torch.isfinite(total):
            worst = ", ".join(task for task, mean in means.items() if not torch.isfinite(mean))
            raise MultigraftError(f"step {step}: the loss of {worst} is not finite; lower `train.optimizer.rate`")
        if self.lockstep:
            total = self.lockstep.tied(total)
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
        return {task: mean.item() for task, mean in means.items()}

    def _weighted(self, step: int, means: Mapping[str, Tensor]) -> Tensor:
        tasks, total = self.run.recipe.tasks, self.total_weights[span_at(step, self.spans).number - 1]
        return torch.stack([mean * tasks[task].weight for task, mean in means.items()]).sum() / total

    def _apply(self) -> bool:
        """Make the optimizer's step; whether anything had a gradient."""
        reduce_gradients(self.parameters, self.run.accelerator)
        moves = any(parameter.grad is not None for parameter in self.parameters)
        clip = self.run.recipe.train.optimizer.clip
        if clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return moves

    def _denominators(self, batches: Sequence[Batch]) -> dict[str, float]:
        sums: dict[str, float] = {}
        for batch in batches:
            for task, value in self.run.model.denominators(batch).items():
                sums[task] = sums.get(task, 0.0) + value
        return sums

    def _pieces(self, samples: Sequence[Sample]) -> Sequence[Sequence[Sample]]:
        """The batch in passes of `micro_batch`; an objective that cannot be split keeps it whole."""
        size = self.run.recipe.train.micro_batch or len(samples)
        if size < len(samples):
            whole = [name for name, objective in self.run.model.objectives.items() if not objective.splittable]
            if whole:
                raise MultigraftError(
                    f"`train.micro_batch` cannot be used: the loss of {', '.join(whole)} needs whole batches"
                )
        return micro_batches(samples, size)


def collated(samples: Sequence[Sample], recipe: Recipe, model: Model, device: torch.device) -> Batch:
    """A batch of samples, on the device."""
    longest = model.backbone.longest
    text_limits = {name: within(task.text_limit, longest.input) for name, task in recipe.tasks.items()}
    target_limits = {name: within(task.target_limit, longest.output) for name, task in recipe.tasks.items()}
    return collate(samples, model.backbone, text_limits, target_limits, list(recipe.tasks)).to(device)


def seed_step(seed: int, step: int, rank: int) -> torch.Generator:
    """Seed torch's global generator (dropout) for a step, and give another one for objectives."""
    digest = hashlib.blake2b(f"{seed}/{step}/{rank}".encode(), digest_size=7).digest()
    number = int.from_bytes(digest, "big")
    torch.manual_seed(number)
    return torch.Generator().manual_seed(number + 1)
