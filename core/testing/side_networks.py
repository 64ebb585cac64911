"""Whether a side network keeps its contract: pure functions of declared parts, beside stacks that end and others."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from multigraft.core.interfaces.side_network import BesideStack, SideNetwork
from multigraft.core.types.part import Part

STACKS = (BesideStack("encoder", 16, 2, ends=False), BesideStack("decoder", 16, 3, ends=True))
"""What a side network is told of the trunk here."""
_ROWS, _TOKENS = 3, 4


def wrong_side_network(network: SideNetwork) -> Iterator[str]:
    """Everything that is wrong with a side network."""
    for stack in STACKS:
        yield from (f"beside the {stack.name}: {line}" for line in _wrong_beside(network, stack))


def _wrong_beside(network: SideNetwork, stack: BesideStack) -> Iterator[str]:
    layers, width = list(network.layers(stack)), network.width(stack)
    if not layers or layers != sorted(set(layers)) or not set(layers) <= set(range(stack.layers)):
        yield f"its layers {layers} are none, or no rising numbers of the {stack.layers} layers"
        return
    if width < 1:
        yield f"its width is {width}"
        return
    around, beside = list(network.parts(stack, None)), list(network.parts(stack, layers[0]))
    problems = [line for parts in (around, beside) for line in _wrong_parts(parts)]
    yield from problems
    if not problems:
        outer, inner = _values(around), _values(beside)
        yield from _wrong_functions(network, stack, outer, inner)
        yield from _unused(network, stack, outer, inner)


def _wrong_parts(parts: list[Part]) -> Iterator[str]:
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        yield f"the names of its parts repeat: {names}"
    for part in parts:
        first, again = (part.initial(part.shape, torch.Generator().manual_seed(3)) for _ in range(2))
        if tuple(first.shape) != tuple(part.shape) or not first.is_floating_point() or not first.isfinite().all():
            yield f"the start value of {part.name} is not finite numbers of its shape {part.shape}"
        elif not torch.equal(first, again):
            yield f"the start value of {part.name} does not come from the generator alone"


def _wrong_functions(
    network: SideNetwork, stack: BesideStack, outer: Mapping[str, Tensor], inner: Mapping[str, Tensor]
) -> Iterator[str]:
    own = network.width(stack)
    functions: dict[str, tuple[Callable[..., Tensor], Mapping[str, Tensor], list[int], int]] = {
        "enter": (network.enter, outer, [stack.width], own),
        "from_trunk": (network.from_trunk, inner, [stack.width], own),
        "join": (network.join, inner, [own, own], own),
    }
    if stack.ends:
        functions["leave"] = network.leave, outer, [own], stack.width
    for name, (function, parts, read, made) in functions.items():
        yield from _wrong_function(name, lambda *given, f=function, p=parts: f(*given, p), read, made)


def _wrong_function(name: str, function: Callable[..., Tensor], read: list[int], made: int) -> Iterator[str]:
    generator = torch.Generator().manual_seed(1)
    given = [torch.randn(_ROWS, _TOKENS, width, generator=generator) for width in read]
    before = [each.clone() for each in given]
    result = function(*given)
    if result.shape != (_ROWS, _TOKENS, made):
        yield f"its `{name}` gives {tuple(result.shape)}, not (rows, tokens, {made})"
        return
    if not all(map(torch.equal, before, given)):
        yield f"its `{name}` changes its inputs in place"
    if not torch.equal(function(*given), result):
        yield f"its `{name}` gives another output when called again"
    if not torch.allclose(function(*(each[1:] for each in given)), result[1:], atol=1e-6):
        yield f"in its `{name}` the output of a row depends on the other rows"


def _unused(
    network: SideNetwork, stack: BesideStack, outer: Mapping[str, Tensor], inner: Mapping[str, Tensor]
) -> Iterator[str]:
    trained = {**outer, **{f"beside a layer {name}": value for name, value in inner.items()}}
    x = torch.randn(_ROWS, _TOKENS, stack.width, generator=torch.Generator().manual_seed(2))
    state = network.join(network.enter(x, outer), network.from_trunk(x.flip(1), inner), inner)
    state = network.leave(state, outer) if stack.ends else state
    if not state.requires_grad:
        yield "no gradient reaches any of its parts"
        return
    gradients = torch.autograd.grad(state.square().sum(), list(trained.values()), allow_unused=True)
    for name, gradient in zip(trained, gradients, strict=True):
        if gradient is None or not gradient.any():
            yield f"no gradient reaches its part {name}"


def _values(parts: list[Part]) -> dict[str, Tensor]:
    """Values away from their starts, where a zero would hide the parts behind it."""
    generator = torch.Generator().manual_seed(2)
    return {
        part.name: (part.initial(part.shape, generator) + 0.2 * torch.randn(part.shape, generator=generator))
        .detach()
        .requires_grad_()
        for part in parts
    }
