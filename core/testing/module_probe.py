"""Why modules cannot be imported. Run in a process of its own:

`python -m multigraft.core.testing.module_probe MODULE...` prints a line of JSON for each, as soon as it is known.
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout

from multigraft.core.registry.own_frame import told


def probe(names: Iterable[str]) -> None:
    """Print `{MODULE: REASON}`; the reason is empty where it can be imported, or is not installed."""
    for name in names:
        reason = ""
        try:
            if importlib.util.find_spec(name) is not None:
                with redirect_stdout(sys.stderr):
                    importlib.import_module(name)
        except (Exception, SystemExit) as error:  # packages may fail in any way
            reason = f"{name} cannot be imported: {told(error)}"
        print(json.dumps({name: reason}), flush=True)


if __name__ == "__main__":
    probe(sys.argv[1:])
