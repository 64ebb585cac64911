"""A run for each draw of a search, over one trunk and the same data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.model import Model
from multigraft.core.model.side_by_side import Images, apart, fewest_images
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.search_arms import ArmRecipes, for_training, search_section, written
from multigraft.core.run.open_run import OpenRun
from multigraft.core.run.run_start import take_start
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
        self._recipes = ArmRecipes(recipe, run.registry)
        self._made: dict[Arms, ArmRun] = {}
        self.tensors = SharedTensors()
        self._optimizer: torch.optim.Optimizer | None = None
        self._images: Images | None = None

    @property
    def made(self) -> Iterator[Arms]:
        """The draws that were asked for, in their order."""
        return iter(self._made)

    def of(self, arms: Arms) -> ArmRun:
        """The run of a draw.

        Raises:
            MultigraftError: its values make no recipe, or no graft, or one that cannot be searched beside the others.
        """
        if arms not in self._made:
            try:
                self._made[arms] = self._make(arms)
            except MultigraftError as error:
                told = written(search_section(self._recipe), arms)
                raise MultigraftError(f"search.choices: with {told}: {error}") from error
        return self._made[arms]

    def _make(self, arms: Arms) -> ArmRun:
        own = for_training(self._recipe, self._recipes.of(arms), self._steps)
        model = build_model(own, self._run.registry, self._run.trunk)
        self._refuse_apart(model)
        allocate(model, self._run.accelerator.device)
        run = replace(self._run, recipe=own, model=model)
        take_start(run)
        new = self.tensors.join(model.graft.bank, own)
        if self._optimizer is None:
            self._optimizer = make_optimizer(model.graft.bank, own.train.optimizer)
        elif new:
            add_trained(self._optimizer, list(new.values()), own.train.optimizer)
        return ArmRun(run, Trainer(run, self._optimizer), StepMaker(run))

    def _refuse_apart(self, model: Model) -> None:
        """What the check did not see: a draw whose values come together only late in the search.

        Raises:
            MultigraftError: it cannot be trained beside the others, or has no room for images that they were shown.
        """
        models = [*self._models(), model]
        if told := apart(model, models[0]):
            raise MultigraftError(told)
        if self._images is not None and fewest_images(models) != self._images:
            raise MultigraftError("its prompts take fewer images than those of the draws before")

    def read_alike(self) -> None:
        """Read the same samples for all draws that were asked for: skip those that some of them have no room for."""
        self._images = fewest_images(self._models())
        self._run.data.limit(self._images)

    def _models(self) -> list[Model]:
        return [arm.run.model for arm in self._made.values()]

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
