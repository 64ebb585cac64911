"""In which form weights may come: safetensors, and pickled ones only where the recipe says so."""

from collections.abc import Iterable
from pathlib import Path

from multigraft import OptionError

SAFE = ".safetensors"
ALLOWED = "`allow_pickle_weights: true`"


def check_form(file: Path, source: str, allow_pickle: bool) -> None:
    """Let safetensors pass, and others where they are allowed.

    Raises:
        OptionError: it is another file and the recipe does not allow it.
    """
    if file.suffix != SAFE and not allow_pickle:
        raise OptionError(
            ("weights",),
            f"weights {source}: {file.name} is no safetensors file",
            f"say {ALLOWED} beside `weights` to read pickled tensors (nothing in them is run), "
            "or save them as safetensors",
        )


def pick_file(folder: Path, safe: Iterable[str], pickled: Iterable[str], source: str, allow_pickle: bool) -> Path:
    """The first of some files that a folder has, safetensors before others.

    Raises:
        OptionError: it has none, or none that is allowed.
    """
    names = [*safe, *pickled]
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        hint = "" if allow_pickle else f"; pickled weights are looked for with {ALLOWED} beside `weights`"
        raise OptionError(("weights",), f"weights {source}: there is no {' or '.join(safe)}{hint}")
    check_form(file, source, allow_pickle)
    return file
