"""Whether an adapter keeps its contract: pure functions of declared parts, at every kind of site that it names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from multigraft.core.interfaces.adapter import Adapter, Prefix, SiteCall
from multigraft.core.interfaces.side_network import SideNetwork
from multigraft.core.options.base import Options
from multigraft.core.testing.prefixes import ATTENTION, wrong_memory
from multigraft.core.testing.side_networks import wrong_side_network
from multigraft.core.types.grouped import Grouped, Operand
from multigraft.core.types.initial import OfWeight
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site

SITES = {
    "block": Site("encoder", 0, "feed-forward", "block", None, 8, 8, "ffn"),
    "projection": Site("decoder", 1, "self-attention", "projection", "up", 8, 12, "attn.q"),
    "norm": Site("decoder", 1, "self-attention", "norm", "norm", 8, 8, "attn.norm"),
}
"""A site of each kind at which the engine lets adapters act."""
TASKS = ("vqa", "captions", "videos")
_ROWS, _TOKENS = 3, 4


@dataclass(frozen=True)
class _Own:
    weight: Tensor | None = None
    bias: Tensor | None = None


def wrong_adapter(build: Any, options: Options, tasks: tuple[str, ...] = TASKS) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    adapter: Adapter | Prefix | SideNetwork = build(options, tasks=tasks)
    if not isinstance(adapter, Adapter | Prefix | SideNetwork):
        yield f"`build` gives {type(adapter).__name__}, no Adapter, no Prefix and no SideNetwork"
        return
    if any(isinstance(value, Tensor | torch.nn.Module) for value in vars(adapter).values()):
        yield "it stores tensors or modules; all that is trained is a declared part"
    if isinstance(adapter, SideNetwork):
        yield from wrong_side_network(adapter)
        return
    if isinstance(adapter, Prefix):
        yield from _wrong_prefix(adapter)
        return
    for kind in adapter.kinds:
        if kind not in SITES:
            yield f"it names the kind of site {kind!r}; adapters act at {', '.join(SITES)}"
        else:
            yield from (f"at a {kind}: {line}" for line in _wrong_at(adapter, SITES[kind]))


def _wrong_prefix(prefix: Prefix) -> Iterator[str]:
    parts = list(prefix.parts(ATTENTION))
    problems = list(_wrong_parts(prefix, ATTENTION, parts))
    yield from problems
    if not problems:
        yield from wrong_memory(prefix, {part.name: _value(part) for part in parts}, parts)


def _wrong_at(adapter: Adapter, site: Site) -> Iterator[str]:
    call = _call(site)
    parts = [_bound(part, call) for part in adapter.parts(site)]
    if any(isinstance(part.initial, OfWeight) for part in parts):
        yield "a part starts of the site's weight, and there is none; name other `kinds`"
        return
    problems = list(_wrong_parts(adapter, site, parts))
    yield from problems
    if problems:
        return
    values = {part.name: _value(part) for part in parts}
    problems = list(_impure(adapter, call, values))
    yield from problems
    yield from _unused(adapter, call, values, parts)
    if not problems:
        yield from _wrongly_grouped(adapter, call, parts)
        wrong = list(_wrong_delta(adapter, call, values))
        yield from wrong or _wrongly_merged(adapter, call, values)


def _wrong_parts(adapter: Adapter | Prefix, site: Site, parts: list[Part]) -> Iterator[str]:
    names = [part.name for part in parts]
    if not names or len(set(names)) < len(names):
        yield f"the names of its parts are none or repeat: {names}"
    if [(part.name, part.shape) for part in adapter.parts(site)] != [(part.name, part.shape) for part in parts]:
        yield "it declares other parts when asked again"
    for part in parts:
        first, again = (part.initial(part.shape, torch.Generator().manual_seed(3)) for _ in range(2))
        if tuple(first.shape) != tuple(part.shape) or not first.is_floating_point() or not first.isfinite().all():
            yield f"the start value of {part.name} is not finite numbers of its shape {part.shape}"
        elif not torch.equal(first, again):
            yield f"the start value of {part.name} does not come from the generator alone"


def _bound(part: Part, call: SiteCall) -> Part:
    """A part that starts of the site's weight, with that of the call."""
    weight = call.own.weight
    if not isinstance(part.initial, OfWeight) or not isinstance(weight, Tensor):
        return part
    return replace(part, initial=part.initial.bound(lambda: weight))


def _acted(adapter: Adapter, call: SiteCall, values: Mapping[str, Operand]) -> Tensor:
    """The site's output with the adapter, which may change what is read as well."""
    parts = adapter.prepared(call.site, values)
    if call.site.kind == "block":
        return adapter.after(call, parts)
    call = replace(call, input=adapter.before(replace(call, output=call.input), parts))
    return adapter.after(replace(call, output=_came_out(call)), parts)


def _came_out(call: SiteCall) -> Tensor:
    if call.site.kind == "projection":
        return linear(call.input, call.own.weight, call.own.bias)  # type: ignore[arg-type]
    return layer_norm(call.input, call.input.shape[-1:], call.own.weight, call.own.bias)  # type: ignore[arg-type]


def _impure(adapter: Adapter, call: SiteCall, values: Mapping[str, Tensor]) -> Iterator[str]:
    before = [tensor.clone() for tensor in (call.input, call.output, *values.values())]
    result = _acted(adapter, call, values)
    if result.shape != call.output.shape or result.dtype != call.output.dtype:
        yield f"it gives {tuple(result.shape)} {result.dtype}, not {tuple(call.output.shape)} {call.output.dtype}"
        return
    if not all(map(torch.equal, before, (call.input, call.output, *values.values()))):
        yield "it changes its inputs in place"
    if not torch.equal(_acted(adapter, call, values), result):
        yield "it gives another output when called again"
    for rows in (slice(0, 1), slice(1, _ROWS)):
        alone = _acted(adapter, replace(call, input=call.input[rows], output=call.output[rows]), values)
        if not torch.allclose(alone, result[rows], atol=1e-6):
            yield "the output of a row depends on the other rows"
            return


def _unused(adapter: Adapter, call: SiteCall, values: Mapping[str, Tensor], parts: list[Part]) -> Iterator[str]:
    names = [part.name for part in parts if part.trained]
    trained = {name: values[name].clone().requires_grad_() for name in names}
    output = _acted(adapter, replace(call, training=True), {**values, **trained})
    if not output.requires_grad:
        yield "no gradient reaches any of its parts"
        return
    gradients = torch.autograd.grad(output.square().sum(), list(trained.values()), allow_unused=True)
    for name, gradient in zip(names, gradients, strict=True):
        if gradient is None or not gradient.any():
            yield f"no gradient reaches its part {name}"


def _wrongly_grouped(adapter: Adapter, call: SiteCall, parts: list[Part]) -> Iterator[str]:
    """An adapter that is called once for all owners must give each its own."""
    if not adapter.grouped:
        return
    owners = [{part.name: _value(part, seed) for part in parts} for seed in (2, 5)]
    bounds = (0, 1, _ROWS)
    together = _acted(
        adapter, call, {part.name: Grouped(tuple(own[part.name] for own in owners), bounds) for part in parts}
    )
    for own, rows in zip(owners, (slice(0, 1), slice(1, _ROWS)), strict=True):
        alone = _acted(adapter, replace(call, input=call.input[rows], output=call.output[rows]), own)
        if not torch.allclose(alone, together[rows], atol=1e-5):
            yield "it says `grouped = True`, and gives rows other than their owner's output"
            return


def _wrongly_merged(adapter: Adapter, call: SiteCall, values: Mapping[str, Tensor]) -> Iterator[str]:
    if call.site.kind != "projection":
        return
    own: Any = call.own
    merged = adapter.merged(call.site, own.weight, own.bias, adapter.prepared(call.site, values))  # type: ignore[arg-type]
    if merged and not torch.allclose(linear(call.input, *merged), _acted(adapter, call, values), atol=1e-4):
        yield "the projection that `merged` gives does not act as it does"


def _wrong_delta(adapter: Adapter, call: SiteCall, values: Mapping[str, Tensor]) -> Iterator[str]:
    if call.site.kind != "projection":
        return
    factors = adapter.delta(call.site, adapter.prepared(call.site, values))  # type: ignore[arg-type]
    if factors is None:
        return
    up, down = factors
    wanted = (call.site.width_out, up.shape[1]), (up.shape[1], call.site.width_in)
    if (up.shape, down.shape) != wanted:
        given = f"{tuple(up.shape)} and {tuple(down.shape)}"
        yield f"the factors that `delta` gives are {given}, not (width_out, rank) and (rank, width_in)"
    elif not torch.allclose(linear(call.input, up @ down), _acted(adapter, call, values) - _came_out(call), atol=1e-4):
        yield "what `delta` gives is not what it adds to the output of a projection"


def _call(site: Site) -> SiteCall:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(_ROWS, _TOKENS, site.width_in, generator=generator)
    if site.kind == "block":
        output = torch.randn(_ROWS, _TOKENS, site.width_out, generator=generator)
        return SiteCall(site, x, output, _Own(), None, training=False)
    shape = (site.width_out, site.width_in) if site.kind == "projection" else (site.width_in,)
    own = _Own(torch.randn(shape, generator=generator), torch.randn(site.width_out, generator=generator))
    call = SiteCall(site, x, x, own, None, training=False)
    return replace(call, output=_came_out(call))


def _value(part: Part, seed: int = 2) -> Tensor:
    """A value away from its start, where a zero would hide the parts behind it."""
    generator = torch.Generator().manual_seed(seed)
    return part.initial(part.shape, generator) + 0.2 * torch.randn(part.shape, generator=generator)
