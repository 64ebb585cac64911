"""The way of a batch, top to bottom: media -> encoder -> prompt generator -> backbone with its graft -> objectives."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.encoder import Encoder
from multigraft.core.interfaces.evaluator import Evaluator, Said
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.objective import Shapes, TaskBatch
from multigraft.core.model.batch_passes import BatchPasses, TrunkParts
from multigraft.core.model.outputs import Equipment, SegmentOutputs
from multigraft.core.model.prompting import PlacedPrompt
from multigraft.core.model.task_objective import ObjectiveLoss, TaskObjective, shapes_of
from multigraft.core.model.values import Values
from multigraft.core.types.batch import Batch, Segment
from multigraft.core.types.need import EVERYTHING, Need

if TYPE_CHECKING:
    from multigraft.core.model.lockstep import Lockstep

TaskNeeds = Mapping[str, Collection[Need]]
Features = Mapping[tuple[str, str], Mapping[str, Tensor]]
"""Of objectives, by task and name."""
SharedFeatures = Mapping[tuple[str, str], tuple[Mapping[str, Tensor], int]]
"""Those of all rows of the global batch, and which of these are the first of this process."""
ShareFeatures = Callable[[Features], SharedFeatures]


class Model:
    """A frozen trunk with its graft, and the tasks' objectives and evaluators.

    Args:
        encoders: by modality.
        prompts: what joins the backbone's tokens, and where.
        precision: what passes are computed in, in training and in scoring alike.
        checkpointing: whether layers are computed again in the backward pass instead of keeping what is between.
        written: the backbone with the form of texts that a task has, by task; as it is for those left out.
    """

    def __init__(
        self,
        backbone: Backbone,
        encoders: Mapping[str, Encoder],
        graft: Graft,
        objectives: Mapping[str, Sequence[TaskObjective]],
        evaluators: Mapping[str, Evaluator],
        prompts: Sequence[PlacedPrompt] = (),
        precision: Literal["fp32", "bf16"] = "fp32",
        checkpointing: bool = False,
        written: Mapping[str, Backbone] = MappingProxyType({}),
    ) -> None:
        self.backbone, self.encoders, self.graft = backbone, dict(encoders), graft
        self.objectives, self.evaluators, self.precision = dict(objectives), dict(evaluators), precision
        self._written = dict(written)
        self.trunk = TrunkParts(backbone, self.encoders, tuple(prompts), checkpointing)
        for encoder in encoders.values():
            encoder.checkpointing = checkpointing

    def without_graft(self) -> "Model":
        """The trunk alone, with its objectives and evaluators: nothing acts in it, and no prompt joins its tokens. What
        asks for a module of the graft, such as a head, gets a `LeftOutModuleError`."""
        bank = Bank(self.graft.bank.seed)
        bank.allocate(self.graft.bank.device)
        graft, checkpointing = Graft(self.graft.tasks, bank), self.trunk.checkpointing
        objectives = {task: [each.without_modules() for each in own] for task, own in self.objectives.items()}
        return Model(
            self.backbone,
            self.encoders,
            graft,
            objectives,
            self.evaluators,
            precision=self.precision,
            checkpointing=checkpointing,
            written=self._written,
        )

    def writing(self, task: str) -> Backbone:
        """The backbone with the form of texts that a task has."""
        return self._written.get(task, self.backbone)

    @property
    def prompts(self) -> Sequence[PlacedPrompt]:
        """What joins the backbone's tokens, and where."""
        return self.trunk.prompts

    @property
    def shapes(self) -> Shapes:
        """The widths that objectives' modules stand between."""
        return shapes_of(self.backbone, self.encoders)

    def computing(self, device: torch.device) -> AbstractContextManager[object]:
        """The context that passes run in: autocast for bf16."""
        return torch.autocast(device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def most_prompt_tokens(self, task: str) -> int:
        """Tokens that join a text of a task, at most; those of a generator that does not say are left out."""
        return sum(prompt.generator.most_tokens() or 0 for prompt in self.prompts if prompt.joins(task))

    def most_images(self, task: str) -> dict[str, int]:
        """Images of a task's sample, or clips of sound, at most, by modality; one without a limit is left out."""
        limits: dict[str, int] = {}
        for prompt in self.prompts:
            most = prompt.generator.most_images() if prompt.joins(task) else None
            if most is not None:
                limits[prompt.modality] = min(most, limits.get(prompt.modality, most))
        return limits

    def losses(
        self,
        batch: Batch,
        training: bool,
        lockstep: "Lockstep | None" = None,
        share: ShareFeatures | None = None,
        learned: bool = True,
    ) -> dict[str, tuple[ObjectiveLoss, ...]]:
        """The loss of each of the objectives of each task in the batch; in training no row has weight 0.

        Args:
            lockstep: makes the passes where other processes make the same ones.
            share: brings objectives' features of several processes together.
            learned: whether the rows are of tasks that are learned; the others go through passes without gradient.
        """
        device = batch.weights.device
        with torch.set_grad_enabled(torch.is_grad_enabled() and learned), self.computing(device):
            needs = {segment.task: self.needs_of(segment.task) for segment in batch.segments}
            passes = self.passes(batch, training, needs, split=lockstep is not None and lockstep.split)
            if lockstep:
                lockstep.make(passes, learned)
            return self._losses(batch, passes, share)

    def _losses(
        self, batch: Batch, passes: BatchPasses, share: ShareFeatures | None = None
    ) -> dict[str, tuple[ObjectiveLoss, ...]]:
        rows = task_rows(batch)
        own = {
            (segment.task, each.name): each.objective.features(rows[segment.task], self._outputs(passes, segment, each))
            for segment in batch.segments
            for each in self.objectives[segment.task]
            if each.objective.feature_shapes(self.shapes)
        }
        shared = share(own) if share else {key: (features, 0) for key, features in own.items()}
        return {
            segment.task: tuple(
                self._loss(each, rows[segment.task], self._outputs(passes, segment, each, shared))
                for each in self.objectives[segment.task]
            )
            for segment in batch.segments
        }

    def _loss(self, own: TaskObjective, rows: TaskBatch, outputs: SegmentOutputs) -> ObjectiveLoss:
        loss = own.objective.loss(rows, outputs)
        denominator = own.objective.denominator(rows.rows)
        return ObjectiveLoss(own.name, own.weight, loss.sum, denominator, loss.parts, loss.append)

    def needs_of(self, task: str) -> set[Need]:
        """What the objectives of a task read."""
        return {need for each in self.objectives[task] for need in each.objective.needs}

    def answers(self, batch: Batch) -> list[Said]:
        """What the tasks' evaluators say about each row of the batch."""
        with torch.no_grad(), self.computing(batch.weights.device):
            needs = {segment.task: self.evaluators[segment.task].needs for segment in batch.segments}
            return self._said(batch, self.passes(batch, False, needs))

    def answers_and_losses(self, batch: Batch) -> tuple[list[Said], dict[str, tuple[ObjectiveLoss, ...]]]:
        """As `answers`, and the losses of each task without dropout, of the same encoding.

        Raises:
            MultigraftError: an objective has no loss for these rows, such as for a target that is none of its labels.
        """
        with torch.no_grad(), self.computing(batch.weights.device):
            needs = {task: {*self.evaluators[task].needs, *self.needs_of(task)} for task in task_rows(batch)}
            passes = self.passes(batch, False, needs)
            losses = self._losses(batch, passes)
            return self._said(batch, passes), losses

    def _said(self, batch: Batch, passes: BatchPasses) -> list[Said]:
        rows = task_rows(batch)
        return [
            said
            for segment in batch.segments
            for said in self.evaluators[segment.task].answer(
                rows[segment.task], evaluator_outputs(self, passes, segment)
            )
        ]

    def run(self, batch: Batch, training: bool) -> dict[str, SegmentOutputs]:
        """What may be asked of the rows of each task; passes are made when first asked for."""
        passes = self.passes(batch, training)
        return {segment.task: evaluator_outputs(self, passes, segment) for segment in batch.segments}

    def _outputs(
        self,
        passes: BatchPasses,
        segment: Segment,
        own: TaskObjective,
        shared: SharedFeatures = MappingProxyType({}),
    ) -> SegmentOutputs:
        features, first = shared.get((segment.task, own.name), ({}, 0))
        equipment = Equipment(self.graft.bank, self.writing(segment.task), own.modules, own.state, features, first)
        return SegmentOutputs(passes, segment, equipment)

    def passes(
        self,
        batch: Batch,
        training: bool,
        needs: TaskNeeds | None = None,
        at_sites: Interceptor | None = None,
        split: bool = False,
    ) -> BatchPasses:
        """The passes of a batch.

        Args:
            needs: what is read of each task's rows; of those left out, everything of the plain view.
            at_sites: what acts at the trunk's sites, if not the graft.
            split: as `Passes` has it.
        """
        intercept = at_sites or make_interceptor(self.graft, batch.segments, training)
        values = Values(intercept, lambda: make_interceptor(self.graft, batch.segments, False), self.graft.bank)
        wanted = {segment: (needs or {}).get(segment.task, EVERYTHING) for segment in batch.segments}
        return BatchPasses(self.trunk, batch, wanted, values, split)


def evaluator_outputs(model: Model, passes: BatchPasses, segment: Segment) -> SegmentOutputs:
    """What may be asked of a segment, with the modules of all objectives of its task."""
    modules = {name: module for own in model.objectives[segment.task] for name, module in own.modules.items()}
    return SegmentOutputs(passes, segment, Equipment(model.graft.bank, model.writing(segment.task), modules))


def task_rows(batch: Batch) -> dict[str, TaskBatch]:
    """The batch taken apart by task."""
    return {segment.task: rows_of(batch, segment) for segment in batch.segments}


def rows_of(batch: Batch, segment: Segment) -> TaskBatch:
    """The rows of a segment."""
    return TaskBatch(
        segment.task,
        batch.rows[segment.rows],
        {name: text.narrow(segment.start, segment.stop) for name, text in batch.texts.items()},
        batch.weights[segment.rows],
        batch.media_keys[segment.rows],
    )
