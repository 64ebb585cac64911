"""Whether an adapter keeps its contract: a pure function of declared parts, at every kind of site that it names."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from multigraft.core.interfaces.adapter import Adapter, SiteCall
from multigraft.core.options.base import Options
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site

SITES = {
    "block": Site("encoder", 0, "feed-forward", "block", None, 8, 8, "ffn"),
    "projection": Site("decoder", 1, "self-attention", "projection", "up", 8, 12, "attn.q"),
    "norm": Site("decoder", 1, "self-attention", "norm", "norm", 8, 8, "attn.norm"),
}
"""A site of each kind at which the engine lets adapters act."""
_ROWS, _TOKENS = 3, 4


def wrong_adapter(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    adapter: Adapter = build(options)
    if not isinstance(adapter, Adapter):
        yield f"`build` gives {type(adapter).__name__}, no Adapter"
        return
    if any(isinstance(value, Tensor | torch.nn.Module) for value in vars(adapter).values()):
        yield "it stores tensors or modules; all that is trained is a declared part"
    for kind in adapter.kinds:
        if kind not in SITES:
            yield f"it names the kind of site {kind!r}; adapters act at {', '.join(SITES)}"
        else:
            yield from (f"at a {kind}: {line}" for line in _wrong_at(adapter, SITES[kind]))


def _wrong_at(adapter: Adapter, site: Site) -> Iterator[str]:
    parts = list(adapter.parts(site))
    problems = list(_wrong_parts(adapter, site, parts))
    yield from problems
    if not problems:
        call = _call(site)
        values = {part.name: _value(part) for part in parts}
        yield from _impure(adapter, call, values)
        yield from _unused(adapter, call, values, parts)


def _wrong_parts(adapter: Adapter, site: Site, parts: list[Part]) -> Iterator[str]:
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


def _impure(adapter: Adapter, call: SiteCall, values: Mapping[str, Tensor]) -> Iterator[str]:
    before = [tensor.clone() for tensor in (call.input, call.output, *values.values())]
    result = adapter.apply(call, values)
    if result.shape != call.output.shape or result.dtype != call.output.dtype:
        yield f"`apply` gives {tuple(result.shape)} {result.dtype}, not {tuple(call.output.shape)} {call.output.dtype}"
        return
    if not all(map(torch.equal, before, (call.input, call.output, *values.values()))):
        yield "`apply` changes its inputs in place"
    if not torch.equal(adapter.apply(call, values), result):
        yield "`apply` gives another output when called again"
    for rows in (slice(0, 1), slice(1, _ROWS)):
        alone = adapter.apply(replace(call, input=call.input[rows], output=call.output[rows]), values)
        if not torch.allclose(alone, result[rows], atol=1e-6):
            yield "the output of a row depends on the other rows"
            return


def _unused(adapter: Adapter, call: SiteCall, values: Mapping[str, Tensor], parts: list[Part]) -> Iterator[str]:
    names = [part.name for part in parts if part.trained]
    trained = {name: values[name].clone().requires_grad_() for name in names}
    output = adapter.apply(replace(call, training=True), {**values, **trained})
    if not output.requires_grad:
        yield "no gradient reaches any of its parts"
        return
    gradients = torch.autograd.grad(output.square().sum(), list(trained.values()), allow_unused=True)
    for name, gradient in zip(names, gradients, strict=True):
        if gradient is None or not gradient.any():
            yield f"no gradient reaches its part {name}"


def _call(site: Site) -> SiteCall:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(_ROWS, _TOKENS, site.width_in, generator=generator)
    if site.kind != "projection":
        output = torch.randn(_ROWS, _TOKENS, site.width_out, generator=generator)
        return SiteCall(site, x, output, None, None, training=False)
    weight = torch.randn(site.width_out, site.width_in, generator=generator)
    bias = torch.randn(site.width_out, generator=generator)
    return SiteCall(site, x, linear(x, weight, bias), weight, bias, training=False)


def _value(part: Part) -> Tensor:
    """A value away from its start, where a zero would hide the parts behind it."""
    generator = torch.Generator().manual_seed(2)
    return part.initial(part.shape, generator) + 0.2 * torch.randn(part.shape, generator=generator)
