"""multigraft: one frozen vision-language trunk, many tasks, and a graft whose sharing you choose."""

from importlib.metadata import PackageNotFoundError, version

from multigraft.core.component import Command, Component, RecipeFolder
from multigraft.core.config.options import Options
from multigraft.core.errors import MultigraftError
from multigraft.core.hookspecs import hookimpl

try:
    __version__ = version("multigraft")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["Command", "Component", "MultigraftError", "Options", "RecipeFolder", "__version__", "hookimpl"]
