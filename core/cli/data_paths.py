"""The files that arguments of `multigraft data ...` name."""

from collections.abc import Sequence
from pathlib import Path

from multigraft.core.data.paths import files_named
from multigraft.core.errors import MultigraftError

_SHOWN = 20


def files_of(arguments: Sequence[str]) -> list[Path]:
    """The files of all arguments, each once: files, folders of tars, and patterns such as `train-{000..007}.tar`.

    Raises:
        MultigraftError: some are not there, or an argument names none.
    """
    files: dict[Path, None] = {}
    for argument in arguments:
        try:
            named = files_named(argument)
        except ValueError as error:
            raise MultigraftError(str(error)) from None
        if not named:
            raise MultigraftError(f"{argument} {_emptiness(Path(argument))}")
        files.update(dict.fromkeys(named))
    missing = [path for path in files if not path.exists() and not path.is_symlink()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise MultigraftError(f"cannot read the shard {missing[0]}{more}: No such file or directory")
    return list(files)


def _emptiness(path: Path) -> str:
    """What to say of a folder or pattern without tars."""
    if not path.is_dir():
        return "names no file"
    held = sorted(each.name for each in path.iterdir())
    more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
    return f"is a folder without tars; it holds {', '.join(held[:_SHOWN])}{more}" if held else "is an empty folder"
