"""What lies where in the folder of a run."""

from pathlib import Path

from multigraft.core.errors import MultigraftError

_DIGITS = 8


def checkpoint_folder(run_folder: Path, step: int) -> Path:
    """`RUN/checkpoints/STEP`."""
    return run_folder / "checkpoints" / f"{step:0{_DIGITS}d}"


def checkpoints(run_folder: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    folder = run_folder / "checkpoints"
    found = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    return sorted(found)


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
