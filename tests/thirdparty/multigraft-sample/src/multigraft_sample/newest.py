"""`newest`: the scalars of the newest step in one file, written whole each time."""

from collections.abc import Mapping
from pathlib import Path

from multigraft import Logger, write_json
from multigraft_sample.options import NewestOptions


class Newest(Logger):
    """Has nothing to cut when a run goes on: the next step takes the file's place."""

    def __init__(self, path: Path) -> None:
        self.path, self.newest = path, {"step": -1.0}

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Replace the file; a step may be told in several pieces."""
        before = self.newest if self.newest["step"] == step else {}
        self.newest = {**before, "step": step, **scalars}
        write_json(self.path, self.newest)


def build(options: NewestOptions, folder: Path) -> Newest:
    """The logger of a run that lies in `folder`."""
    return Newest(folder / options.file)
