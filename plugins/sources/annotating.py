"""Annotations of what a row holds."""

from typing import Any

from pydantic import ValidationError

from multigraft import Annotation, BadSample, SourceOptions


def annotation_of(options: SourceOptions, **fields: Any) -> Annotation:
    """An annotation for the task and of the source of the options, unless the fields say others.

    Raises:
        BadSample: `bad row`, with the first field that has a value it cannot have.
    """
    try:
        return Annotation(**{"task": options.task, "source": options.source, **fields})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadSample("bad row", f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
