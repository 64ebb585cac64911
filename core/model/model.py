"""The way of a batch, top to bottom: media -> encoder -> prompt generator -> backbone with its graft -> objectives."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from multigraft.core.graft.attachment import Graft, GraftModule
from multigraft.core.graft.graft_interceptor import GraftInterceptor
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.objective import Objective, TaskBatch
from multigraft.core.model.outputs import SegmentOutputs
from multigraft.core.model.prompting import PlacedPrompt, Prompter
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import IGNORED, Batch

if TYPE_CHECKING:
    from multigraft.core.model.lockstep import Lockstep


@dataclass(frozen=True)
class TaskLoss:
    """One task's loss in a batch: a sum, and what it is divided by."""

    sum: Tensor
    denominator: float


class Model:
    """A frozen trunk with its graft, and the tasks' objectives.

    Args:
        prompts: what joins the backbone's tokens, and where.
        precision: what passes are computed in, in training and in scoring alike.
        checkpointing: whether layers are computed again in the backward pass instead of keeping what is between.
    """

    def __init__(
        self,
        backbone: Backbone,
        encoder: VisualEncoder | None,
        graft: Graft,
        objectives: Mapping[str, Objective],
        heads: Mapping[str, GraftModule[nn.Module]],
        prompts: Sequence[PlacedPrompt] = (),
        precision: Literal["fp32", "bf16"] = "fp32",
        checkpointing: bool = False,
    ) -> None:
        self.backbone, self.encoder, self.graft = backbone, encoder, graft
        self.objectives, self.heads, self.precision = dict(objectives), dict(heads), precision
        self.checkpointing = checkpointing
        if encoder is not None:
            encoder.checkpointing = checkpointing
        self.prompter = Prompter(prompts, encoder)

    def computing(self, device: torch.device) -> AbstractContextManager[object]:
        """The context that passes run in: autocast for bf16."""
        return torch.autocast(device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()

    @property
    def most_prompt_tokens(self) -> int:
        """Tokens that join a row's text, at most; those of a generator that does not say are left out."""
        return sum(generator.most_tokens() or 0 for generator in self.prompter.generators)

    @property
    def most_images(self) -> int | None:
        """Images of a sample, at most; None where there is no limit."""
        limits = [generator.most_images() for generator in self.prompter.generators]
        return min((limit for limit in limits if limit is not None), default=None)

    def losses(
        self,
        batch: Batch,
        training: bool,
        generator: Generator | None = None,
        unlearned: Collection[str] = (),
        lockstep: "Lockstep | None" = None,
    ) -> dict[str, TaskLoss]:
        """The loss of each task in the batch. With `generator`, objectives may edit their inputs first.

        A row of weight 0 counts in its denominator and goes through no pass. Tasks that are `unlearned` go through
        passes without gradient. So neither gives a gradient, not even one of zero.

        Args:
            lockstep: makes the passes where other processes make the same ones.
        """
        if generator is not None:
            own = task_rows(batch)
            batch = with_rows(batch, {task: self.objectives[task].prepare(own[task], generator) for task in own})
        sums: dict[str, Tensor] = {segment.task: batch.weights.new_zeros(()) for segment in batch.segments}
        weights = batch.weights.tolist()
        for told in (False, True):
            tasks = [segment for segment in batch.segments if (segment.task in unlearned) == told]
            rows = [row for segment in tasks for row in range(segment.start, segment.stop) if weights[row] != 0]
            with torch.set_grad_enabled(torch.is_grad_enabled() and not told):
                sums |= self._sums(batch.select(rows) if rows else None, training, lockstep, learned=not told)
        return {task: TaskLoss(sums[task], denominator) for task, denominator in self.denominators(batch).items()}

    def _sums(
        self, batch: Batch | None, training: bool, lockstep: "Lockstep | None", learned: bool
    ) -> dict[str, Tensor]:
        """Loss sums over rows, of the tasks that have any of these."""
        if batch is None:
            if lockstep:
                lockstep.make(None, (), learned)
            return {}
        with self.computing(batch.text_ids.device):
            rows, intercept = task_rows(batch), make_interceptor(self.graft, batch.segments, training)
            passes = self.passes(batch, intercept, split=lockstep is not None and lockstep.split)
            if lockstep:
                lockstep.make(passes, rows, learned)
            outputs = self._outputs(passes, batch)
            return {task: self.objectives[task].loss(own, outputs[task]) for task, own in rows.items()}

    def answers(self, batch: Batch, decodings: Mapping[str, Decoding]) -> list[str]:
        """An output text for each row of the batch."""
        with torch.no_grad(), self.computing(batch.text_ids.device):
            return self._texts(batch, self.run(batch, training=False), decodings)

    def answers_and_losses(
        self, batch: Batch, decodings: Mapping[str, Decoding]
    ) -> tuple[list[str], dict[str, TaskLoss]]:
        """As `answers`, and the loss of each task without dropout, of the same encoding.

        Raises:
            MultigraftError: an objective has no loss for these rows, such as for a target that is none of its labels.
        """
        with torch.no_grad(), self.computing(batch.text_ids.device):
            outputs, denominators = self.run(batch, training=False), self.denominators(batch)
            losses = {
                task: TaskLoss(self.objectives[task].loss(rows, outputs[task]), denominators[task])
                for task, rows in task_rows(batch).items()
            }
            return self._texts(batch, outputs, decodings), losses

    def _texts(
        self, batch: Batch, outputs: Mapping[str, SegmentOutputs], decodings: Mapping[str, Decoding]
    ) -> list[str]:
        return [
            text
            for task, rows in task_rows(batch).items()
            for text in self.objectives[task].answer(rows, outputs[task], decodings[task])
        ]

    def run(self, batch: Batch, training: bool) -> dict[str, SegmentOutputs]:
        """The passes of a batch, each made once, when first asked for; what objectives may ask of them."""
        return self._outputs(self.passes(batch, make_interceptor(self.graft, batch.segments, training)), batch)

    def _outputs(self, passes: Passes, batch: Batch) -> dict[str, SegmentOutputs]:
        return {
            segment.task: SegmentOutputs(passes, segment, self.graft.bank, self.heads.get(segment.task))
            for segment in batch.segments
        }

    def passes(
        self, batch: Batch, intercept: GraftInterceptor, at_sites: Interceptor | None = None, split: bool = False
    ) -> Passes:
        """Texts and prompts on their way through the backbone.

        Args:
            at_sites: what acts at the trunk's sites, if not `intercept`, by which the prompts are made.
            split: as `Passes` has it.
        """
        return passes_of(self, batch, self.prompter, intercept, at_sites, split)

    def denominators(self, batch: Batch) -> dict[str, float]:
        """What each task's loss sum will be divided by, before any pass."""
        return {task: self.objectives[task].denominator(rows) for task, rows in task_rows(batch).items()}


def passes_of(
    model: Model,
    batch: Batch,
    prompter: Prompter,
    intercept: GraftInterceptor,
    at_sites: Interceptor | None = None,
    split: bool = False,
) -> Passes:
    """A batch on its way through the trunk of a model, with prompts that may be those of several."""
    inserts = prompter.inserts(batch, intercept, at_sites)
    texts = Texts(batch.text_ids, batch.text_mask, batch.target_ids)
    acting = at_sites or intercept
    return Passes(model.backbone, texts, acting, inserts, checkpoint=model.checkpointing, split=split)


def task_rows(batch: Batch) -> dict[str, TaskBatch]:
    """The batch taken apart by task."""
    return {
        s.task: TaskBatch(
            s.task,
            batch.samples[s.rows],
            batch.text_ids[s.rows],
            batch.text_mask[s.rows],
            batch.target_ids[s.rows],
            batch.weights[s.rows],
        )
        for s in batch.segments
    }


def with_rows(batch: Batch, rows: Mapping[str, TaskBatch]) -> Batch:
    """The batch with edited rows, padded to equal lengths again."""
    parts = [rows[segment.task] for segment in batch.segments]
    return replace(
        batch,
        samples=tuple(sample for part in parts for sample in part.samples),
        text_ids=_pad([part.text_ids for part in parts], 0),
        text_mask=_pad([part.text_mask for part in parts], 0),
        target_ids=_pad([part.target_ids for part in parts], IGNORED),
        weights=torch.cat([part.weights for part in parts]),
    )


def _pad(parts: list[Tensor], value: int) -> Tensor:
    if len({part.shape[1] for part in parts}) == 1:
        return torch.cat(parts)
    return pad_sequence([row for part in parts for row in part], batch_first=True, padding_value=value)
