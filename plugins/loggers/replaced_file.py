"""Replace a file as a whole, or not at all."""

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write to a temporary name beside `path`, then rename."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8", newline="")
    os.replace(partial, path)
