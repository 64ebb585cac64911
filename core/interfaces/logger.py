"""Logger: where the scalars of a run go.

A component's `build(options, folder: Path) -> Logger`. A logger that raises is switched off for the run with one
warning; it never stops training.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping


class Logger(ABC):
    """Receives plain values; never the model or the loader."""

    @abstractmethod
    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write the scalars of a step, such as `{"train/vqa/loss": 1.2, "train/rate": 1e-3}`."""

    def resume(self, step: int) -> None:
        """The run goes on after `step`, its last finished one: cut away what was written later. Called before `log`."""
        return

    def close(self) -> None:
        """Flush and release files."""
        return
