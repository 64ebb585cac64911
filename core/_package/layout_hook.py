"""Build hook: the folders at the root install as one package, `multigraft`, in wheels and editable installs alike."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LayoutHook(BuildHookInterface[Any]):
    """Puts the package's top files into a wheel; makes a folder of links for an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        here, root = Path(__file__).parent, Path(self.root)
        top = [here / name for name in self.config["top"]]
        if version == "editable":
            folders = [root / name for name in self.config["folders"]]
            make_links(root / ".editable" / "multigraft", [*top, *folders])
        else:
            build_data["force_include"].update({str(file): f"multigraft/{file.name}" for file in top})


def make_links(package: Path, sources: list[Path]) -> None:
    """Make `package` anew, with one link for each source."""
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    for source in sources:
        link(source, package / source.name)


def link(source: Path, at: Path) -> None:
    """Link `at` to `source`; a junction or hard link on a Windows without the right to make symbolic links."""
    try:
        at.symlink_to(os.path.relpath(source, at.parent), target_is_directory=source.is_dir())
    except OSError:
        if sys.platform == "win32" and source.is_dir():
            import _winapi

            _winapi.CreateJunction(str(source), str(at))
        else:
            os.link(source, at)
