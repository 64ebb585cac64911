"""A model over the tiny trunk with one objective or evaluator, and rows for it."""

from collections.abc import Sequence

import numpy as np
import torch

from multigraft.core.data.collate import collate
from multigraft.core.data.rows import Prepare, RowMaker, TextLimits
from multigraft.core.graft.attach import ModuleParts, add_module
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.evaluator import Evaluator
from multigraft.core.interfaces.objective import Objective
from multigraft.core.interfaces.sharing import Sharing
from multigraft.core.model.model import Model
from multigraft.core.model.prompting import PlacedPrompt
from multigraft.core.model.task_objective import TaskObjective, shapes_of
from multigraft.core.testing.tiny_trunk import SIZE, TinyEncoder, TinyPrompt
from multigraft.core.types.annotation import Annotation, ScoredAnswer
from multigraft.core.types.batch import Batch
from multigraft.core.types.media import Media
from multigraft.core.types.owner import SHARED
from multigraft.core.types.part import Part
from multigraft.core.types.preparation import VISUAL
from multigraft.core.types.row import Row
from multigraft.core.types.sample import Sample, TextPair
from multigraft.core.types.site import Site

TASK = "vqa"
TARGETS = ("red", "blue")
_TEXTS = ("vqa: which colour?", "vqa: and the other one?", "vqa: what?", "vqa: is it so?")
_CPU = torch.device("cpu")


class _Shared(Sharing):
    def task_scope(self, task: str, site: Site, part: Part) -> str:
        return SHARED


def tiny_model(backbone: Backbone, objective: Objective, evaluator: Evaluator | None = None) -> Model:
    """A model with a prompt and the objective's modules, which have their start values."""
    encoders = {VISUAL: TinyEncoder()}
    graft, rule = Graft((TASK,), Bank(0)), _Shared()
    with torch.device("meta"):
        prompt, heads = TinyPrompt(), objective.modules(shapes_of(backbone, encoders))
    placed = add_module(graft, "prompt", prompt, ModuleParts(prompt.initial), rule)
    modules = {
        name: add_module(graft, f"head-{name}", head, ModuleParts(head.initial), rule) for name, head in heads.items()
    }
    prompts = [PlacedPrompt(placed, backbone.entrance, graft.bank)]
    own = TaskObjective("it", objective, modules=modules)
    evaluators = {} if evaluator is None else {TASK: evaluator}
    model = Model(backbone, encoders, graft, {TASK: (own,)}, evaluators, prompts)
    graft.bank.allocate(_CPU)
    graft.bank.add_teacher()
    own.state.update(objective.state(model.shapes, torch.Generator().manual_seed(0)))
    return model


def tiny_samples(count: int) -> list[Sample]:
    """Questions of different lengths about a picture each, with the answers of `TARGETS` in turn."""
    return [_sample(number) for number in range(count)]


def tiny_rows(backbone: Backbone, samples: Sequence[Sample], prepare: Sequence[Prepare] = ()) -> list[Row]:
    """As training makes them of samples."""
    return RowMaker(backbone, {TASK: TextLimits(40, 10)}, {TASK: prepare}).rows(samples)


def batch_of(rows: Sequence[Row]) -> Batch:
    """The rows side by side."""
    return collate(rows, [TASK])


def _sample(number: int) -> Sample:
    target = TARGETS[number % len(TARGETS)]
    pixels = np.random.default_rng(number).integers(0, 256, (1, 3, SIZE, SIZE), dtype=np.uint8)
    annotation = Annotation(
        id=f"{number}", task=TASK, text=_TEXTS[number % len(_TEXTS)], choices=TARGETS, media=(f"{number}.png",),
        answers=(ScoredAnswer(text=target),),
    )  # fmt: skip
    example = TextPair(annotation.text, target, 1.0, TARGETS)
    media = Media("image", VISUAL, pixels, np.zeros(1, np.float32))
    return Sample(TASK, annotation, example, (media,), f"tiny.tar#{number}", epoch=0)
