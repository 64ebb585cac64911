"""Whether a sharing rule keeps its contract: a pure function to owners whose scopes can name files."""

from collections.abc import Iterator
from typing import Any

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.bank import check_scope
from multigraft.core.interfaces.sharing import Sharing
from multigraft.core.options.base import Options
from multigraft.core.types.initial import zeros
from multigraft.core.types.owner import Owner
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site

TASKS = ("vqa", "captions", "videos")
_SITES = tuple(
    Site(stack, layer, block, "block", None, 8, 8, "")
    for stack in ("encoder", "decoder")
    for layer in (0, 1)
    for block in ("self-attention", "feed-forward")
)
_PARTS = tuple(Part(name, shape, zeros) for name, shape in {"down.weight": (2, 8), "up.weight": (8, 2)}.items())


def wrong_sharing(build: Any, options: Options, tasks: tuple[str, ...] = TASKS) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options for some tasks."""
    rule, again = build(options, tasks=tasks), build(options, tasks=tasks)
    if not isinstance(rule, Sharing):
        yield f"`build` gives {type(rule).__name__}, no Sharing"
        return
    asked = [(task, site, part) for task in tasks for site in _SITES for part in _PARTS]
    owners = [rule.owner(*each) for each in asked]
    yield from _wrong_owners(owners)
    backwards = [again.owner(*each) for each in reversed(asked)]
    if owners != backwards[::-1] or owners != [rule.owner(*each) for each in asked]:
        yield "its owners are not a function of task, site and part alone"
    reason = rule.refuse({part.name: part for part in _PARTS})
    if reason is not None and not isinstance(reason, str):
        yield f"`refuse` gives {reason!r}, neither a text nor None"
    if rule.generates(_SITES[0], _PARTS[0]):
        yield from _wrong_generator(rule, tasks)


def _wrong_owners(owners: list[Owner]) -> Iterator[str]:
    for owner in owners:
        if not isinstance(owner, Owner) or not isinstance(owner.site_scope, str) or not owner.site_scope:
            yield f"{owner!r} is no Owner with a task scope and a site scope"
            return
        try:
            check_scope(owner.task_scope)
        except (MultigraftError, TypeError) as error:
            yield str(error)
            return


def _wrong_generator(rule: Sharing, tasks: tuple[str, ...]) -> Iterator[str]:
    wanted = [(site, part) for site in _SITES if site.stack == "encoder" for part in _PARTS]
    with torch.device("meta"):
        generator = rule.generator(wanted)
    for name, parameter in generator.named_parameters():
        value = generator.initial(name)(tuple(parameter.shape), torch.Generator().manual_seed(1))
        if value.shape != parameter.shape:
            yield f"its generator's {name} starts with shape {tuple(value.shape)}, not {tuple(parameter.shape)}"
        if generator.task_of(name) not in (None, *tasks):
            yield f"its generator's {name} belongs to {generator.task_of(name)!r}, which is no task"
    shapes = {(site.name, part.name): part.shape for site, part in wanted}
    for task in tasks:
        if {name: tuple(value.shape) for name, value in generator(task).items()} != shapes:
            yield f"its generator does not make the wanted parts for {task}, or in other shapes"
