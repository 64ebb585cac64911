"""multigraft: one frozen vision-language trunk, many tasks, and a graft whose sharing you choose.

All that a plugin or a user of the library needs is here; docs/plugins.md lists it. A name is imported when it is first
asked for: `import multigraft` takes neither pydantic nor torch.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import lazy_loader

try:
    __version__ = version("multigraft")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

_attribute, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """A name of the stub. Options look components up in what is installed, so the registry comes with any of them."""
    if name in __all__:
        import_module("multigraft.core.registry.registry")
    return _attribute(name)
