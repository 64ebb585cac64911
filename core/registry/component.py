"""What a plugin's declaring hooks return: data that names what to import later."""

import importlib
import re
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Component:
    """One choice in a recipe, such as the adapter `bottleneck`.

    Args:
        name: bare name used in recipes as `kind`, lower-case words joined by hyphens.
        config: `"package.module:Model"`, a subclass of `multigraft.Options`; its module must be cheap to import.
        build: `"package.module:callable"`, called with the validated options and what the kind's contract adds.
        version: recorded in checkpoints and reports; raise it when results change.
        requires: importable modules it needs, checked before a run (`("decord",)`).
        extra: the pip requirement that brings them (`"multigraft[video]"`).
        trouble: `"package.module:callable"`, called without arguments where these modules are installed: why the
            component cannot be used here all the same, such as a library that the system lacks, or an empty text.
    """

    name: str
    config: str
    build: str
    version: str = "1"
    requires: tuple[str, ...] = ()
    extra: str = ""
    trouble: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"component name {self.name!r}: use lower-case words joined by hyphens")


@dataclass(frozen=True)
class Command:
    """A command of the command line at `path`, such as `("data", "inspect")`; `build` names a click command."""

    path: tuple[str, ...]
    build: str
    help: str = ""


@dataclass(frozen=True)
class RecipeFolder:
    """A package whose folder holds runnable recipes (`*.yaml`, also in subfolders)."""

    package: str


def import_name(dotted: str) -> Any:
    """The object that `"package.module:name"` names.

    Raises:
        ImportError: the module cannot be imported or has no such name.
    """
    module_name, _, attribute = dotted.partition(":")
    module = importlib.import_module(module_name)
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ImportError(f"{module_name} has no {attribute!r}") from None
