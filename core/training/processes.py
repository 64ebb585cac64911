"""The processes of a run: one without a launcher, many under `torchrun` or `accelerate launch`."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.locking import only_writer
from multigraft.core.training.resuming import check_is_new

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


@contextmanager
def only_run(folder: Path, new: bool = False) -> Iterator[None]:
    """Be the only one that writes to a run folder: the first process holds it for all processes of the run.

    Args:
        new: the folder must not hold a run yet.

    Raises:
        MultigraftError: in every process, where another one writes to it, it holds a run, or it cannot be written to.
    """
    accelerator = join_processes()
    refusal: list[str | None] = [None]
    with ExitStack() as held:
        if accelerator.is_main_process:
            try:
                held.enter_context(only_writer(folder, "wait until it ends, or name another folder"))
                if new:
                    check_is_new(folder)
            except MultigraftError as error:
                refusal = [str(error)]
        if (reason := _from_first(refusal)) is not None:
            raise MultigraftError(reason)
        yield


def _from_first(value: list[str | None]) -> str | None:
    """What the first process has, in every process."""
    from accelerate.utils import broadcast_object_list

    told: list[str | None] = broadcast_object_list(value, 0)
    return told[0]
