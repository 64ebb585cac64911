"""Whether a source keeps its contract: it gives the same annotations each time, and names its files."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from multigraft.core.interfaces.source import Dropped, MediaPlace, Source
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.types.annotation import Annotation

_LOOKED_AT = 100


def wrong_source(build: Any, options: SourceOptions) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    made = build(options)
    if not isinstance(made, Source):
        yield f"`build` gives {type(made).__name__}, no Source"
        return
    for name in ("files", "media"):
        if strange := [each for each in getattr(made, name) if not isinstance(each, Path)]:
            yield f"its `{name}` hold {strange[0]!r}, no Path"
    if made.embedded is not None and not isinstance(made.embedded, MediaPlace):
        yield f"its `embedded` is {type(made.embedded).__name__}, no MediaPlace"
    first, again = (list(islice(made.annotations(), _LOOKED_AT)) for _ in range(2))
    if strange := [each for each in first if not isinstance(each, Annotation | Dropped)]:
        yield f"it gives {type(strange[0]).__name__}, neither an Annotation nor Dropped"
        return
    if first != again:
        yield "it gives other annotations when it is asked again"
    ids = [each.id for each in first if isinstance(each, Annotation)]
    if len(set(ids)) < len(ids):
        yield f"it gives the id {next(each for each in ids if ids.count(each) > 1)!r} twice"
    if silent := [each for each in first if isinstance(each, Dropped) and not (each.row and each.reason)]:
        yield f"{silent[0]!r} does not say which row, or why"
