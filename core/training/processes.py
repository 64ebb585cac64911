"""The processes of a run: one without a launcher, many under `torchrun` or `accelerate launch`."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import torch

from multigraft.core.errors import MultigraftError

if TYPE_CHECKING:
    from accelerate import Accelerator

Row = TypeVar("Row")


def join_processes() -> "Accelerator":
    """Meet the other processes that a launcher has started, and find this one's device.

    Raises:
        MultigraftError: there are others, and they cannot be reached.
    """
    from accelerate import Accelerator

    wanted = int(os.environ.get("WORLD_SIZE", "1"))
    accelerator = Accelerator(cpu=wanted > 1 and not torch.cuda.is_available())
    if accelerator.num_processes != wanted:
        raise MultigraftError(
            f"a launcher started {wanted} processes (WORLD_SIZE), and only {accelerator.num_processes} met; "
            "start by `accelerate launch`, or by `torchrun ... -m -- multigraft train ...`"
        )
    return accelerator


def gather_rows(accelerator: "Accelerator", rows: Sequence[Row]) -> list[Row]:
    """The rows of all processes, in their order; called by all at once. Where none has any, one number is exchanged."""
    if accelerator.num_processes == 1:
        return list(rows)
    count = accelerator.reduce(torch.tensor(len(rows), device=accelerator.device), "sum")
    if not count.item():
        return []
    from accelerate.utils import gather_object

    found: list[Row] = gather_object(list(rows))
    return found
