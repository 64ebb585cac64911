"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def tracked(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """The items, while progress towards `total` is shown under `label`."""
    if sys.stderr.isatty():
        yield from track(items, description=label, total=total, console=Console(stderr=True))
        return
    begun = time.monotonic()
    yield from items
    click.echo(f"{label}: {total} in {time.monotonic() - begun:.1f} s", err=True)
