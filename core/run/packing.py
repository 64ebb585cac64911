"""A packing from what is registered: the source by its kind, and the media that inputs read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from multigraft.core.data.packing.packer import Packing
from multigraft.core.data.paths import named_paths
from multigraft.core.errors import MultigraftError
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import Registry
from multigraft.core.run.source_building import built_source, source_options
from multigraft.core.suggest import nearest_name


def packing_of(
    registry: Registry, given: Mapping[str, Any], prefix: str, samples_per_shard: int, bad_limit: float
) -> Packing:
    """What is to be packed.

    Args:
        given: options of the source, its kind among them.

    Raises:
        MultigraftError: no such source, or options that it cannot use.
    """
    options = source_options(registry, given)
    source = built_source(registry, options)
    return Packing(
        source=source,
        media=tuple(path for each in options.media for path in _media_paths(each)) or tuple(source.media),
        endings=endings(registry),
        options=options.model_dump(mode="json", exclude_unset=True),
        prefix=prefix,
        samples_per_shard=samples_per_shard,
        bad_limit=bad_limit,
    )


def _media_paths(text: str) -> list[Path]:
    """A folder itself, or the tars that a pattern names.

    Raises:
        MultigraftError: it is no pattern, or names nothing.
    """
    try:
        found = named_paths(text, Path())
    except ValueError as error:
        raise MultigraftError(f"media: {error}") from None
    if not found:
        raise MultigraftError(f"media: {text} names no file")
    return found


def misspelt_task(registry: Registry, task: str) -> str:
    """The kind of task that a name is probably meant to be; empty where it is one, or is like none."""
    kinds = registry.names("tasks")
    return "" if task in kinds else nearest_name(task, kinds, cutoff=0.85)


def endings(registry: Registry) -> tuple[str, ...]:
    """Of media that some input reads which is installed, as it is without options."""
    found: dict[str, None] = {}
    for registration in registry.registrations("inputs"):
        try:
            model = registry.options("inputs", registration.full_name)
            options = model.model_validate({"kind": registration.full_name}, context={"registry": registry})
            found |= dict.fromkeys(build_input(registry, options).extensions)
        except (MultigraftError, ValidationError):  # something that it requires is not there, or options must be given
            continue
    return tuple(found)
