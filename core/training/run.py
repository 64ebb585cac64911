"""A run: its folder, its recipe, its model, and what it has found so far."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multigraft.core.config.recipe import Recipe
from multigraft.core.data.share import Share
from multigraft.core.registry import Registry
from multigraft.core.training.scalars import Scalars
from multigraft.core.training.times import Times

if TYPE_CHECKING:
    from accelerate import Accelerator

    from multigraft.core.assembly import Trunk
    from multigraft.core.data.run_data import RunData
    from multigraft.core.model import Model


@dataclass
class Run:
    """What run hooks are given. Read it freely; write only to `results`."""

    folder: Path
    recipe: Recipe
    registry: Registry
    trunk: "Trunk"
    model: "Model"
    data: "RunData"
    accelerator: "Accelerator"
    scalars: Scalars
    results: dict[str, Any] = field(default_factory=dict)
    """What `results.json` will hold; a plugin may add keys of its own."""
    times: Times = field(default_factory=Times)
    """Where the time goes."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return bool(self.accelerator.is_main_process)

    @property
    def share(self) -> Share:
        """What this process does of what all do together."""
        return Share(self.accelerator.process_index, self.accelerator.num_processes)
