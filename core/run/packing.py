"""A packing from what is registered: the source by its kind, and the media that inputs read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from multigraft.core.data.packing.compacting import Compacting
from multigraft.core.data.packing.packer import Packing
from multigraft.core.data.paths import named_paths
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.input import Input
from multigraft.core.interfaces.task import Task
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import Registry
from multigraft.core.run.source_building import built_source, source_options
from multigraft.core.run.task_lacks import LookedAt
from multigraft.core.suggest import nearest_name


def packing_of(
    registry: Registry,
    given: Mapping[str, Any],
    prefix: str,
    samples_per_shard: int,
    bad_limit: float,
    reencode: int | None = None,
) -> Packing:
    """What is to be packed.

    Args:
        given: options of the source, its kind among them.
        reencode: pixels of the shorter side of media that are written anew; none are if left out.

    Raises:
        MultigraftError: no such source, or options that it cannot use.
    """
    options = source_options(registry, given)
    source, inputs = built_source(registry, options), usual_inputs(registry)
    task = usual_task(registry, options.task)
    return Packing(
        source=source if task is None else LookedAt(source, task, options.task),
        media=tuple(path for each in options.media for path in _media_paths(each)) or tuple(source.media),
        endings=tuple(dict.fromkeys(ending for each in inputs for ending in each.extensions)),
        options=options.model_dump(mode="json", exclude_unset=True),
        prefix=prefix,
        samples_per_shard=samples_per_shard,
        bad_limit=bad_limit,
        compacting=None if reencode is None else Compacting(inputs, reencode),
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


def usual_task(registry: Registry, name: str) -> Task | None:
    """A kind of task as it is without options; None where a name is none, or options must be given."""
    if name not in registry.names("tasks"):
        return None
    try:
        model = registry.options("tasks", name)
        options = model.model_validate({"kind": name, "data": ["none.tar"]}, context={"registry": registry})
        task = registry.build("tasks", options)
    except (MultigraftError, ValidationError):
        return None
    return task if isinstance(task, Task) else None


def misspelt_task(registry: Registry, task: str) -> str:
    """The kind of task that a name is probably meant to be; empty where it is one, or is like none."""
    kinds = registry.names("tasks")
    return "" if task in kinds else nearest_name(task, kinds, cutoff=0.85)


def usual_inputs(registry: Registry) -> list[Input]:
    """All inputs that are installed, as they are without options."""
    found: list[Input] = []
    for registration in registry.registrations("inputs"):
        try:
            model = registry.options("inputs", registration.full_name)
            options = model.model_validate({"kind": registration.full_name}, context={"registry": registry})
            found.append(build_input(registry, options))
        except (MultigraftError, ValidationError):  # something that it requires is not there, or options must be given
            continue
    return found
