"""What lies where in the folder of a run."""

from pathlib import Path

from multigraft.core.errors import MultigraftError
from multigraft.core.suggest import nearest_file

_DIGITS = 8


def checkpoint_folder(run_folder: Path, step: int) -> Path:
    """`RUN/checkpoints/STEP`."""
    return run_folder / "checkpoints" / f"{step:0{_DIGITS}d}"


def checkpoints(run_folder: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    folder = run_folder / "checkpoints"
    found = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    return sorted(found)


def saved_graft(folder: Path) -> Path | None:
    """The folder with `graft.json` of a run's newest checkpoint, of one checkpoint, or of an exported graft."""
    places = [*(path / "graft" for path in checkpoints(folder)[-1:]), folder / "graft"]
    return next((place for place in places if (place / "graft.json").is_file()), None)


def start_copy(run_folder: Path) -> Path:
    """`RUN/start`: the graft that training began from, kept since its own folder may change or go."""
    return run_folder / "start"


def start_graft(start: str, run_folder: Path) -> Path:
    """The saved graft that `graft.start` names, `run:DIR`: the copy in the folder of the run, or else what DIR holds.

    Raises:
        MultigraftError: there is none.
    """
    folder = Path(start.partition(":")[2]).expanduser()
    if found := saved_graft(start_copy(run_folder)) or saved_graft(folder):
        return found
    if not folder.is_dir():
        raise MultigraftError(f"there is no folder {folder}{nearest_file(folder)}")
    raise MultigraftError(f"{folder} is neither the folder of a run with a checkpoint nor an exported one")


def check_is_new(folder: Path) -> None:
    """Refuse a folder that holds a run.

    Raises:
        MultigraftError: it does.
    """
    if (folder / "recipe.yaml").exists():
        raise MultigraftError(
            f"{folder} holds a run already; go on with it by `multigraft train --resume {folder}`, "
            "or name another folder with `--run`"
        )
