"""In a step the host reads from the device once: all losses, after the backward passes and before the optimizer."""

from contextlib import ExitStack

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run
from multigraft.core.training import step_data
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer

READING = {
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "unique2",
    "_unique2",
    "unique_dim",
    "equal",
    "is_nonzero",
}
ASKING = {"tolist", "item", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "__array__"}
"""Methods by which a tensor's values reach Python: on a processor some of them call no operation."""


class Operations(TorchDispatchMode):
    """Notes operations whose result, or its size, depends on values that lie on the device."""

    def __init__(self, notes):
        super().__init__()
        self.notes = notes

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        chosen = args[1] if name in ("index", "index_put", "index_put_") else ()
        if name in READING or any(each is not None and each.dtype == torch.bool for each in chosen):
            self.notes.append(name)
        return function(*args, **(kwargs or {}))


class Methods(TorchFunctionMode):
    """Notes the methods by which values reach Python."""

    def __init__(self, notes):
        super().__init__()
        self.notes = notes

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in ASKING and args and isinstance(args[0], torch.Tensor):
            self.notes.append(name)
        return function(*args, **(kwargs or {}))


@pytest.fixture
def reads_of_a_step(recipe_file, registry, tmp_path):
    """What is read in the second step: `("before" or "behind" the optimizer, how)`."""

    def make(*overrides, spoil=False):
        recipe = load_recipe(recipe_file, overrides, registry)
        with open_run(recipe, registry, tmp_path) as run:
            optimizer = make_optimizer(run.model.graft.bank, recipe.train.optimizer)
            trainer, notes = Trainer(run, optimizer), []
            optimizer.register_step_pre_hook(lambda *_: notes.append("optimizer"))
            first, second = step_data.steps(run, 0, 2)
            trainer.step(0, first)
            notes.clear()
            if spoil:
                for value in run.model.graft.bank.trained().values():
                    value.data.fill_(torch.nan)
            with ExitStack() as stack:
                stack.enter_context(Methods(notes))
                stack.enter_context(Operations(notes))
                if spoil:
                    stack.enter_context(pytest.raises(MultigraftError, match="is not finite"))
                trainer.step(1, second)
            return notes

    return make


PICTURES = "data: {train: [pictures-train-*.tar]}"
PAIRS = (
    f"tasks={{pairs: {{kind: image-text-pairs, annotations: captions, {PICTURES}, objective: [{{kind: contrastive, "
    "width: 8, queue: 12, teacher: true}, {kind: matching, negatives: alike}]}, "
    f"captions: {{kind: image-captioning, {PICTURES}}}}}"
)
CASES = {
    "four tasks": (),
    "micro-batches": ("train.micro_batch=3",),
    "prefix and hypernetwork": ("graft={adapters: [bottleneck, prefix], sharing: single}",),
    "hypernetwork": ("graft.sharing={kind: hypernetwork, embedding: 6, hidden: 6, projected: 4}",),
    "bf16": ("train.precision=bf16",),
    "checkpointing": ("train.checkpointing=true",),
    "queue, teacher and matching": (PAIRS,),
    "classification": (
        "tasks.statements.objective={kind: classification, labels: ['true', 'false']}",
        "tasks.statements.evaluator=classify",
        "tasks.videos.weight=0",
    ),
    "learned prompt behind": ("trunk.prompt=[{kind: linear, tokens: 4}, {kind: learned, tokens: 2, place: back}]",),
}


@pytest.mark.parametrize("case", CASES)
def test_losses_are_read_once_before_the_optimizer_steps(case, reads_of_a_step):
    notes = reads_of_a_step(*CASES[case])
    assert notes[: notes.index("optimizer")] == ["tolist"]


def test_nothing_moves_where_a_loss_is_not_finite(reads_of_a_step):
    assert reads_of_a_step(spoil=True) == ["tolist"]
