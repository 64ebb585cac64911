"""What would run, or write, if a reader did more than read: each makes a file `canary`."""

import pickle
from pathlib import Path
from random import Random

CANARY = "canary"


class _Opens:
    """Unpickled, it makes the canary."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


class Payloads:
    """Texts and bytes that make the canary of a folder where they are run, and names that lead to it."""

    def __init__(self, watched: Path) -> None:
        path = str(watched / CANARY)
        self.texts = (
            f"__import__('pathlib').Path({path!r}).touch()", f"$(touch {path})", f"`touch {path}`",
            f"; touch {path} #", f"!!python/object/apply:os.system ['touch {path}']", f"{{{{''.__class__}}}}{path}",
            f"file://{path}", f"| touch {path}", f"%(touch)s {path}", f"pipe:touch {path}",
        )  # fmt: skip
        self.names = (path, f"../{CANARY}", f"../../{CANARY}", f"a/../../{CANARY}", f"..\\{CANARY}", f"./../{CANARY}")
        self.binary = (
            pickle.dumps(_Opens(path)), pickle.dumps(_Opens(path), 0), f"import pathlib\n{self.texts[0]}\n".encode(),
            b"PK\3\4" + pickle.dumps(_Opens(path)), b"\x93NUMPY\1\0v\0{'descr': '|O', 'fortran_order': False}"
            + pickle.dumps(_Opens(path)),
        )  # fmt: skip

    def text(self, draw: Random) -> str:
        return draw.choice(self.texts + self.names)
