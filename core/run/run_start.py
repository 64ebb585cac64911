"""The values that a training begins with: those drawn of the seed, and what `graft.start` names."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from multigraft.core.atomic import write_folder, writing
from multigraft.core.graft.starting import Start, start_from
from multigraft.core.run.run_folder import start_copy, start_graft

if TYPE_CHECKING:
    from multigraft.core.run.open_run import OpenRun


def take_start(run: "OpenRun") -> Start | None:
    """Put the saved graft of `graft.start` over the drawn start values; None where the recipe names none.

    Raises:
        MultigraftError: there is no such graft, or none that fits.
    """
    start, bank = run.recipe.graft.start, run.model.graft.bank
    if start is None:
        return None
    taken = start_from(start_graft(start, run.folder), bank, run.trunk.fingerprints)
    if bank.teacher:
        bank.add_teacher()
    return taken


def keep_start(run: "OpenRun") -> None:
    """Copy the saved graft of `graft.start` into the folder of the run, if it is not there yet."""
    start, copy = run.recipe.graft.start, start_copy(run.folder)
    if start is None or copy.exists():
        return
    source = start_graft(start, run.folder)

    def fill(folder: Path) -> None:
        shutil.copytree(source, folder / "graft")

    with writing(copy):
        write_folder(copy, fill)
