"""Whether a sharing rule keeps its contract: pure functions to scopes that can name files and to places."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.bank import check_scope
from multigraft.core.interfaces.sharing import Sharing, place_of
from multigraft.core.options.base import Options
from multigraft.core.types.initial import zeros
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
    scopes = [rule.task_scope(*each) for each in asked]
    yield from _wrong_scopes(scopes)
    backwards = [again.task_scope(*each) for each in reversed(asked)]
    if scopes != backwards[::-1] or scopes != [rule.task_scope(*each) for each in asked]:
        yield "its task scopes are not a function of task, site and part alone"
    yield from _wrong_places(rule)
    reason = rule.refuse({part.name: part for part in _PARTS})
    if reason is not None and not isinstance(reason, str):
        yield f"`refuse` gives {reason!r}, neither a text nor None"
    yield from _wrong_generator(rule, tasks)


def _wrong_scopes(scopes: list[str]) -> Iterator[str]:
    for scope in scopes:
        try:
            check_scope(scope)
        except (MultigraftError, TypeError) as error:
            yield str(error) if isinstance(scope, str) else f"its task scope {scope!r} is no text"
            return


def _wrong_places(rule: Sharing) -> Iterator[str]:
    """A rule may make a tensor serve more sites than the part asks for, never fewer."""
    for scope in ("site", "layer", "stack", "model"):
        part = replace(_PARTS[0], scope=scope)
        places = {site: rule.place(site, part) for site in _SITES}
        strange = [place for place in places.values() if not isinstance(place, str) or not place]
        if strange:
            yield f"`place` gives {strange[0]!r}, no name of a place"
            return
        for site, other in pairwise(_SITES):
            if place_of(site, part) == place_of(other, part) and places[site] != places[other]:
                yield f"`place` takes apart what the scope {scope!r} of a part puts together"
                return


def _wrong_generator(rule: Sharing, tasks: tuple[str, ...]) -> Iterator[str]:
    wanted = [(site, part) for site in _SITES if site.stack == "encoder" for part in _PARTS]
    with torch.device("meta"):
        generator = rule.generator(wanted)
    if generator is None:
        return
    for name, parameter in generator.named_parameters():
        value = generator.initial(name)(tuple(parameter.shape), torch.Generator().manual_seed(1))
        if value.shape != parameter.shape:
            yield f"its generator's {name} starts with shape {tuple(value.shape)}, not {tuple(parameter.shape)}"
        if generator.task_of(name) not in (None, *tasks):
            yield f"its generator's {name} belongs to {generator.task_of(name)!r}, which is no task"
    shapes = {(site.name, part.name): part.shape for site, part in wanted}
    unknown = [place for place in generator.makes if place not in shapes]
    if unknown:
        yield f"its generator makes {unknown[0]}, which was not wanted"
        return
    made = {place: tuple(value.shape) for place, value in generator(tasks[:2]).items()}
    if made != {place: (2, *shapes[place]) for place in generator.makes}:
        yield "its generator does not make the parts that it names for each task, or in other shapes"
