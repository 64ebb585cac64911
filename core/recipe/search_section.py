"""What `multigraft search` chooses among, and how."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from multigraft.core.options.base import Section, as_written
from multigraft.core.options.component_field import Registered
from multigraft.core.options.names import ChoiceName, Refers
from multigraft.core.options.search_options import SearchStrategyOptions


class Choice(Section):
    """A key of the recipe, and the values that it may have."""

    keys: list[str] = Field(min_length=1)
    """Keys that get the value, as `--set` takes them: `trunk.prompt.layer`; one, or a list that get the same."""
    values: list[Any] = Field(min_length=2)
    """What it may be: numbers, names, or whole sections."""
    tasks: list[Annotated[str, Refers("task")]] | None = Field(None, min_length=1)
    """Tasks whose scores count; if left out, those in whose sections all keys are, or else all."""

    @field_validator("keys", mode="before")
    @classmethod
    def _one_or_many(cls, keys: Any) -> Any:
        return [keys] if isinstance(keys, str) else keys

    @field_validator("values")
    @classmethod
    def _each_value_once(cls, values: list[Any]) -> list[Any]:
        if any(value in values[:number] for number, value in enumerate(values)):
            raise ValueError("a value is given twice")
        return values


class SearchSection(Section):
    """A search for the best values of some keys, before a training and at a fraction of its cost."""

    choices: dict[ChoiceName, Choice] = Field(min_length=1)
    """What is chosen, by a name of your own; each draw takes a value of every choice."""
    strategy: Annotated[SearchStrategyOptions, Registered("search_strategies")] = as_written({"kind": "bandit"})
    """How steps and scored batches are spent."""
    split: Annotated[str, Refers("split")] = "search"
    """Split that draws are scored on; it is used for nothing else."""
    share: float = Field(0.2, gt=0, le=0.2)
    """Largest cost of the search, as a share of what the training of this recipe costs."""
    steps: int | None = Field(None, ge=1)
    """Steps of the search; as many as `share` allows if left out."""
    batch: int | None = Field(None, ge=1, le=65_536)
    """Samples of the search split in a batch that is scored; half of `train.batch` if left out."""
    reward: Literal["metric", "loss"] = "metric"
    """What a batch's reward is: the main metric of each task in percent, or `100 * exp(-loss)`."""
    trains: Literal["graft", "backbone"] = "graft"
    """What is trained in the search: the recipe's graft, or the whole backbone without adapters."""
    checkpoint_every: int | None = Field(None, ge=1)
    """Steps between checkpoints; every 10 % of the steps if left out."""
