"""Whether a logger keeps its contract: it takes plain values, and goes on where a run goes on."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from multigraft.core.interfaces.logger import Logger
from multigraft.core.options.base import Options


def wrong_logger(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    with TemporaryDirectory() as folder:
        for first in (1, 3):
            logger = build(options, folder=Path(folder))
            if not isinstance(logger, Logger):
                yield f"`build` gives {type(logger).__name__}, no Logger"
                return
            if first > 1:
                logger.resume(first - 1)
            for step in (first, first + 1):
                logger.log(step, {"train/vqa/loss": 1.5, "train/rate": 1e-3})
            logger.close()
