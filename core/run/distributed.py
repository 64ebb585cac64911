"""The processes of a run: one without a launcher, many under `torchrun` or `accelerate launch`."""

import atexit
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.locking import only_writer
from multigraft.core.model.devices import check_device
from multigraft.core.run.run_folder import check_is_new

if TYPE_CHECKING:
    from accelerate import Accelerator

Row = TypeVar("Row")

_DEVICE = "ACCELERATE_TORCH_DEVICE"
"""The variable that Accelerate takes a single process's device from."""


def join_processes(device: str = "auto") -> "Accelerator":
    """Meet the other processes that a launcher has started, and find this one's device.

    Args:
        device: as in a recipe; once the processes have met, `auto` is the device that they met on.

    Raises:
        MultigraftError: there are others, and they cannot be reached; or the device is not there.
    """
    from accelerate import Accelerator

    wanted = int(os.environ.get("WORLD_SIZE", "1"))
    check_device(device)
    single = device not in ("auto", "cpu", "cuda")
    if single and wanted > 1:
        raise MultigraftError(f"`device: {device}` is one device, and {wanted} processes were started; say `cuda`")
    with _chosen(device if single else None):
        accelerator = Accelerator(cpu=device == "cpu" or (wanted > 1 and not torch.cuda.is_available()))
    if device != "auto" and torch.device(device).type != accelerator.device.type:
        raise MultigraftError(
            f"`device: {device}`, and this process computes on {accelerator.device} already; start another one"
        )
    if accelerator.num_processes != wanted:
        raise MultigraftError(
            f"a launcher started {wanted} processes (WORLD_SIZE), and only {accelerator.num_processes} met; "
            "start by `accelerate launch`, or by `torchrun ... -m -- multigraft train ...`"
        )
    if wanted > 1:
        atexit.unregister(_part)
        atexit.register(_part)
    return accelerator


def _part() -> None:
    """Leave the others: gloo's threads abort a process that ends while they run, and hide its exit code. NCCL's need no
    end, and may wait for processes that are gone."""
    from torch import distributed

    if distributed.is_initialized() and "nccl" not in distributed.get_backend():
        distributed.destroy_process_group()


@contextmanager
def _chosen(device: str | None) -> Iterator[None]:
    """Tell Accelerate which device it is."""
    if device is None:
        yield
        return
    before = os.environ.get(_DEVICE)
    os.environ[_DEVICE] = device
    try:
        yield
    finally:
        if before is None:
            del os.environ[_DEVICE]
        else:
            os.environ[_DEVICE] = before


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
