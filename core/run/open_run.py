"""A run: its folder, its recipe, its model, and what it has found so far."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import Registry
from multigraft.core.run.loggers import RunLoggers
from multigraft.core.run.times import Times
from multigraft.core.types.rank import Rank

if TYPE_CHECKING:
    from accelerate import Accelerator

    from multigraft.core.model.model import Model
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.run.run_data import RunData


@dataclass
class OpenRun:
    """A run that is open: trunk, model, data, processes, loggers. Run hooks see it as `Run`."""

    folder: Path
    recipe: Recipe
    """In training its steps are known, also where it says epochs."""
    registry: Registry
    trunk: "Trunk"
    model: "Model"
    data: "RunData"
    accelerator: "Accelerator"
    scalars: RunLoggers
    results: dict[str, Any] = field(default_factory=dict)
    """What `results.json` will hold; a plugin may add keys of its own."""
    times: Times = field(default_factory=Times)
    """Where the time goes."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return bool(self.accelerator.is_main_process)

    @property
    def rank(self) -> Rank:
        """What this process does of what all do together."""
        return Rank(self.accelerator.process_index, self.accelerator.num_processes)
