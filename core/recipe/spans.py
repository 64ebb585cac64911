"""The stages of a training with their defaults filled in, and the steps that each covers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from multigraft.core.options.sampler_options import SamplerOptions
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.train_section import Schedule, Stage, TrainSection


@dataclass(frozen=True)
class StageSpan:
    """A stage with nothing left out, and where in the training it lies."""

    number: int
    """Counted from 1."""
    start: int
    """Steps before it."""
    epochs: int | None
    """How many its steps are, where its length was given so."""
    steps: int
    """0 where they are not known yet."""
    tasks: tuple[str, ...] | None
    """None for all of the recipe."""
    sampler: SamplerOptions
    rate: float
    warmup: float
    schedule: Schedule

    def of(self, tasks: Iterable[str]) -> list[str]:
        """Those of a recipe's tasks that are drawn, in the recipe's order."""
        return [task for task in tasks if self.tasks is None or task in self.tasks]

    def in_words(self, tasks: Iterable[str]) -> str:
        """Its steps, rate and tasks."""
        return f"steps {self.start + 1:,} to {self.stop:,}, rate {self.rate:g}, tasks {', '.join(self.of(tasks))}"

    @property
    def stop(self) -> int:
        """Steps made when it is over."""
        return self.start + self.steps


def spans(train: TrainSection) -> list[StageSpan]:
    """The stages of a training in their order; one for the whole of it where the recipe has none."""
    found: list[StageSpan] = []
    optimizer = train.optimizer
    for number, stage in enumerate(train.stages or [_whole(train)], 1):
        found.append(
            StageSpan(
                number,
                found[-1].stop if found else 0,
                stage.epochs,
                stage.steps,
                None if stage.tasks is None else tuple(stage.tasks),
                stage.sampler or train.sampler,
                optimizer.rate if stage.rate is None else stage.rate,
                optimizer.warmup if stage.warmup is None else stage.warmup,
                stage.schedule or optimizer.schedule,
            )
        )
    return found


def _whole(train: TrainSection) -> Stage:
    """The only stage of a training without any."""
    length = {"steps": train.steps} if train.epochs is None else {"epochs": train.epochs}
    return Stage(**length).model_copy(update={"steps": train.steps})


def with_steps(recipe: Recipe, epoch_steps: Callable[[StageSpan], int]) -> Recipe:
    """The recipe with the steps that its epochs are; written, it still says epochs.

    Args:
        epoch_steps: steps of an epoch of a stage.
    """
    train = recipe.train
    steps = [s.steps if s.epochs is None else s.epochs * epoch_steps(s) for s in spans(train)]
    stages = [stage.model_copy(update={"steps": own}) for stage, own in zip(train.stages, steps, strict=False)]
    return recipe.model_copy(update={"train": train.model_copy(update={"steps": sum(steps), "stages": stages})})


def span_at(step: int, among: Sequence[StageSpan]) -> StageSpan:
    """The stage that step `step` (counted from 0) belongs to; the last one goes on behind its end."""
    return next((span for span in among if step < span.stop), among[-1])


def largest_draw(recipe: Recipe) -> int:
    """Most samples that a sampler draws for the global batch of a step, in any stage."""
    train, tasks = recipe.train, recipe.tasks
    return max(span.sampler.largest_batch(span.of(tasks), train.batch) for span in spans(train))


def largest_batch(recipe: Recipe) -> int:
    """Most samples that the global batch of a step may have, in any stage, however buckets deal them out."""
    bucketing = recipe.train.bucketing
    spread = bucketing.SPREAD if bucketing and bucketing.alike == "length" else 1
    return spread * largest_draw(recipe)
