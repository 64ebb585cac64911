"""Scalars for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from multigraft import Logger
from multigraft.plugins.loggers.options import TensorBoardOptions


class TensorBoardLogger(Logger):
    """Writes event files; the writer opens at the first scalar."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._purge_step: int | None = None
        self._writer: SummaryWriter | None = None

    def resume(self, step: int) -> None:
        """Tell TensorBoard to hide what was written after `step`."""
        self.close()
        self._purge_step = step + 1

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write each scalar under its name."""
        if self._writer is None:
            self._writer = SummaryWriter(str(self._folder), purge_step=self._purge_step)
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def build(options: TensorBoardOptions, folder: Path) -> TensorBoardLogger:
    """Write to `tensorboard/` in the run folder."""
    return TensorBoardLogger(folder / "tensorboard")
