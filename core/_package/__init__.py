"""multigraft: one frozen vision-language trunk, many tasks, and a graft whose sharing you choose."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from multigraft.core.component import Command, Component, RecipeFolder
from multigraft.core.errors import MultigraftError
from multigraft.core.hookspecs import hookimpl

if TYPE_CHECKING:
    from multigraft.core.config.options import Options

try:
    __version__ = version("multigraft")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["Command", "Component", "MultigraftError", "Options", "RecipeFolder", "__version__", "hookimpl"]


def __getattr__(name: str) -> Any:
    """`Options` brings pydantic, which takes as long to import as all the rest: only those who ask for it wait."""
    if name == "Options":
        from multigraft.core.config.options import Options

        return Options
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
