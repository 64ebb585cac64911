"""Run: what run hooks are given."""

from pathlib import Path
from typing import Any, Protocol


class Run(Protocol):
    """A run that goes on. Read it freely; write only to `results`."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        ...

    @property
    def recipe(self) -> Any:
        """The recipe, validated, with all defaults: `run.recipe.train.steps`."""
        ...

    @property
    def registry(self) -> Any:
        """The components, commands and hooks of the plugins that are loaded."""
        ...

    @property
    def trunk(self) -> Any:
        """The frozen parts: `run.trunk.backbone`, `run.trunk.encoders` by modality."""
        ...

    @property
    def model(self) -> Any:
        """Trunk and graft; `run.model.graft.bank` holds what is trained."""
        ...

    @property
    def data(self) -> Any:
        """Sources and stream of the tasks."""
        ...

    @property
    def accelerator(self) -> Any:
        """Accelerate's, with the device and the processes of the run."""
        ...

    @property
    def scalars(self) -> Any:
        """All loggers of the run: `run.scalars.log(step, {NAME: value})`."""
        ...

    @property
    def results(self) -> dict[str, Any]:
        """What `results.json` will hold; a plugin may add keys of its own."""
        ...

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        ...
