"""Base of the options of samplers."""

from collections.abc import Sequence

from multigraft.core.options.base import Options


class SamplerOptions(Options):
    """Base of the options of a sampler."""

    def largest_batch(self, tasks: Sequence[str], batch: int) -> int:
        """Most samples that the global batch of a step may have.

        Args:
            tasks: those that are drawn.
            batch: `train.batch`.
        """
        return batch
