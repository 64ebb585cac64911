"""A run for each draw of a search, over one trunk and the same data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.model import Model
from multigraft.core.model.objectives import learning_state
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.run.open_run import OpenRun
from multigraft.core.run.run_start import take_start
from multigraft.core.search.arm_recipes import filled, for_training
from multigraft.core.search.shared_tensors import SharedTensors
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import add_trained, make_optimizer
from multigraft.core.training.step_data import StepMaker


@dataclass(frozen=True)
class ArmRun:
    """What trains and answers with the values of a draw."""

    run: OpenRun
    trainer: Trainer
    rows: StepMaker


class ArmRuns:
    """Runs of draws, made when first asked for; one optimizer moves the tensors of all.

    Args:
        run: opened with some values; its model is not used.
        recipe: with the choices.
    """

    def __init__(self, run: OpenRun, recipe: Recipe, steps: int) -> None:
        self._run, self._recipe, self._steps = run, recipe, steps
        self._made: dict[Arms, ArmRun] = {}
        self.tensors = SharedTensors()
        self._optimizer: torch.optim.Optimizer | None = None

    @property
    def made(self) -> Iterator[Arms]:
        """The draws that were asked for, in their order."""
        return iter(self._made)

    def of(self, arms: Arms) -> ArmRun:
        """The run of a draw.

        Raises:
            RecipeError: its values make no recipe.
            MultigraftError: they make no graft, or one that cannot be searched.
        """
        if arms not in self._made:
            self._made[arms] = self._make(arms)
        return self._made[arms]

    def _make(self, arms: Arms) -> ArmRun:
        own = for_training(self._recipe, filled(self._recipe, self._run.registry, arms), self._steps)
        model = build_model(own, self._run.registry, self._run.trunk)
        _refuse_other_images(model, self._run.model)
        self._refuse_another_trunk(model)
        allocate(model, self._run.accelerator.device)
        if learning_state(model):
            raise MultigraftError("a search has no objectives that keep something between steps, such as a queue")
        run = replace(self._run, recipe=own, model=model)
        take_start(run)
        new = self.tensors.join(model.graft.bank, own)
        if self._optimizer is None:
            self._optimizer = make_optimizer(model.graft.bank, own.train.optimizer)
        elif new:
            add_trained(self._optimizer, list(new.values()), own.train.optimizer)
        return ArmRun(run, Trainer(run, self._optimizer), StepMaker(run))

    def _refuse_another_trunk(self, model: Model) -> None:
        """What one arm moved in the trunk would be moved under the others.

        Raises:
            MultigraftError: an arm trains other parts of the trunk in place than another one.
        """
        for other in self._made.values():
            if other.run.model.graft.bank.adopted.keys() != model.graft.bank.adopted.keys():
                raise MultigraftError(
                    "some arms train parts of the trunk in place that others do not, and all have one trunk; "
                    "let all train them (`search.trains: backbone`), or none"
                )

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """Of all tensors; there is one when a draw was asked for."""
        assert self._optimizer is not None
        return self._optimizer

    def begin_anew(self) -> None:
        """Set all tensors back to what they began with, and forget the optimizer's moments."""
        with torch.no_grad():
            for text, value in self.tensors.trained().items():
                value.copy_(self.tensors.starts[text])
        self.optimizer.state.clear()


def _refuse_other_images(model: Model, first: Model) -> None:
    """Samples are read once for all arms.

    Raises:
        MultigraftError: prompts of two arms have room for different numbers of images, so that one would skip what the
            other sees.
    """
    for task in model.objectives:
        if model.most_images(task) != first.most_images(task):
            raise MultigraftError(
                f"task '{task}': prompts of two arms take {model.most_images(task)} and {first.most_images(task)} "
                "images at most, and all arms must see the same samples; let them take as many"
            )
