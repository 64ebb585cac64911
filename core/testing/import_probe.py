"""Which heavy modules an import brings along. Run in a process of its own:

`python -m multigraft.core.testing.import_probe MODULE_OR_FILE...` prints them as a JSON list.
"""

import importlib
import json
import runpy
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout

HEAVY = ("torch", "transformers", "decord")


def heavy_imports(targets: Iterable[str]) -> list[str]:
    """The modules of `HEAVY` that are loaded after importing modules (`package.module:name`) or files (`*.py`)."""
    with redirect_stdout(sys.stderr):
        for target in targets:
            if target.endswith(".py"):
                runpy.run_path(target, run_name="plugin")
            else:
                importlib.import_module(target.partition(":")[0])
    return [name for name in HEAVY if name in sys.modules]


if __name__ == "__main__":
    print(json.dumps(heavy_imports(sys.argv[1:])))
