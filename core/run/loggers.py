"""Scalars to all loggers of a run; a logger that fails is switched off with one warning."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from multigraft.core.interfaces.logger import Logger
from multigraft.core.options.base import Options
from multigraft.core.registry.registry import Registry


class RunLoggers:
    """The loggers of a run."""

    def __init__(self, loggers: Mapping[str, Logger]) -> None:
        self._loggers = dict(loggers)

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Hand the scalars of a step to every logger that still works."""
        self._each(lambda logger: logger.log(step, scalars))

    def resume(self, step: int) -> None:
        """Forget what was written at or after a step."""
        self._each(lambda logger: logger.resume(step))

    def close(self) -> None:
        """Close all."""
        self._each(lambda logger: logger.close())

    def _each(self, act: Callable[[Logger], None]) -> None:
        for name, logger in list(self._loggers.items()):
            try:
                act(logger)
            except Exception as error:
                print(f"logger '{name}' is switched off for this run: {error!r}", file=sys.stderr)
                del self._loggers[name]


def open_loggers(options: list[Options], registry: Registry, folder: Path) -> RunLoggers:
    """The loggers of a recipe, writing into a run folder."""
    return RunLoggers({option.kind: registry.build("loggers", option, folder=folder) for option in options})
