"""The files that arguments of `multigraft data ...` name."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from multigraft.core.data.paths import files_named
from multigraft.core.errors import MultigraftError

_SHOWN = 20


def files_of(arguments: Sequence[str]) -> list[Path]:
    """The files of all arguments, each once: files, folders of tars, and patterns such as `train-{000..007}.tar`.

    Raises:
        MultigraftError: some are not there, or an argument names none; with all of these.
    """
    files, faults = _named(arguments)
    if faults:
        raise MultigraftError("\n".join(_some(faults)))
    return files


def good_files_of(arguments: Sequence[str]) -> tuple[list[Path], bool]:
    """The files of all arguments that are there, and whether all are; what is not is said on stderr.

    Raises:
        MultigraftError: none is there.
    """
    files, faults = _named(arguments)
    if not files:
        raise MultigraftError("\n".join(_some(faults)))
    for line in _some(faults):
        click.echo(line, err=True)
    return files, not faults


def _named(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Files that are there, and what is wrong with the others and with arguments that name none."""
    files: dict[Path, None] = {}
    faults: list[str] = []
    for argument in arguments:
        try:
            named = files_named(argument)
            if not named:
                faults.append(f"{argument} {_emptiness(Path(argument))}")
        except ValueError as error:
            faults.append(str(error))
        except OSError as error:
            faults.append(f"cannot read {argument}: {error.strerror}")
        else:
            for path in named:
                if fault := _fault(path):
                    faults.append(f"cannot read the shard {path}: {fault}")
                else:
                    files[path] = None
    return list(files), list(dict.fromkeys(faults))


def _fault(path: Path) -> str:
    """What the system says where nothing can be at a path; empty where something is, and be it a link to nothing."""
    try:
        path.lstat()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _some(faults: Sequence[str]) -> Iterator[str]:
    """As many lines as one can read."""
    yield from faults[:_SHOWN]
    if len(faults) > _SHOWN:
        yield f"and {len(faults) - _SHOWN:,} more that are not there or cannot be read"


def _emptiness(path: Path) -> str:
    """What to say of a folder or pattern without tars."""
    if not path.is_dir():
        return "names no file"
    held = sorted(each.name for each in path.iterdir())
    more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
    return f"is a folder without tars; it holds {', '.join(held[:_SHOWN])}{more}" if held else "is an empty folder"
