"""The processes of a run: one without a launcher, many under `torchrun` or `accelerate launch`."""

import os
from typing import TYPE_CHECKING

import torch

from multigraft.core.errors import MultigraftError

if TYPE_CHECKING:
    from accelerate import Accelerator


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
