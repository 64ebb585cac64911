"""VL-PET: a bottleneck adapter whose result a gate scales, with a gate of a chosen granularity (Hu et al. 2023).

Facts of the authors' code (HenryHZY/VL-PET, commit 3a15b2b): the four heads of the down projection lie side by side, so
together they are one matrix; a text's one number is the mean of its tokens' numbers.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import gelu

from multigraft import Adapter, OptionError, Part, Site, SiteCall
from multigraft.init import normal, zeros
from multigraft.ops import Operand, linear, scale
from multigraft.plugins.adapters.options import VlPetOptions


class VlPet(Adapter):
    """`G (h + Up(f(Down(h))))` with `h` what comes out of a block, `f` tanh-GELU.

    The gate `G` reads `x`, what the block's result is added to (in a pre-norm trunk in front of the norm), and `y`,
    what it scales:

    - `large`, a number for each token and channel: `sigmoid(Up'(f(Down'(x))))`;
    - `middle-x`, one for each token: `sigmoid(w (x + y) + b)`;
    - `middle-y`, one for each channel: `1 + g`;
    - `small`, one for each text: the mean over its tokens of `sigmoid(w [x, y] + b)`.

    With a bottleneck of width `b`, `2 d b + b + d` numbers a block of width `d` and those of its gate: as many again,
    `d + 1`, `d`, or `2 d + 1`.
    """

    grouped = True

    def __init__(self, options: VlPetOptions) -> None:
        self.options = options

    def parts(self, site: Site) -> Sequence[Part]:
        """`down` and `up` with biases, and the gate's: `gate-down` and `gate-up` if it is large, else `gate`.

        Raises:
            OptionError: a gate of a whole text, in a decoder, which knows no token that is still to come.
        """
        if self.options.gate == "small" and site.stack == "decoder":
            message = f"one number for a whole text cannot be had at {site.name}, which reads tokens one after another"
            raise OptionError(("gate",), message, "give `sites: {stack: [encoder]}`, or another gate")
        return tuple(self._parts(site.width_out))

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width)` to the same."""
        x, y = call.stream, call.output + _bottleneck(call.output, "", parts)
        if self.options.gate == "middle-y":
            return y + scale(y, parts["gate.scale"])
        if self.options.gate == "large":
            return y * torch.sigmoid(_bottleneck(x, "gate-", parts))
        read = x + y if self.options.gate == "middle-x" else torch.cat([x, y], -1)
        gate = torch.sigmoid(linear(read, parts["gate.weight"], parts["gate.bias"]))
        return y * (gate if self.options.gate == "middle-x" else _mean(gate, call.mask))

    def _parts(self, width: int) -> Iterator[Part]:
        inner = self.options.width
        yield from _bottleneck_parts("", width, inner)
        if self.options.gate == "large":
            yield from _bottleneck_parts("gate-", width, inner)
        elif self.options.gate == "middle-y":
            yield Part("gate.scale", (width,), normal(0.02))
        else:
            yield Part("gate.weight", (1, width if self.options.gate == "middle-x" else 2 * width), normal(0.02))
            yield Part("gate.bias", (1,), zeros)


def _bottleneck_parts(name: str, width: int, inner: int) -> Iterator[Part]:
    yield Part(f"{name}down.weight", (inner, width), normal(0.02))
    yield Part(f"{name}down.bias", (inner,), zeros)
    yield Part(f"{name}up.weight", (width, inner), normal(0.02))
    yield Part(f"{name}up.bias", (width,), zeros)


def _bottleneck(x: Tensor, name: str, parts: Mapping[str, Operand]) -> Tensor:
    hidden = gelu(linear(x, parts[f"{name}down.weight"], parts[f"{name}down.bias"]), approximate="tanh")
    return linear(hidden, parts[f"{name}up.weight"], parts[f"{name}up.bias"])


def _mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Over a row's real tokens, `(rows, 1, width)`; in the authors' code over padding too."""
    if mask is None:
        return x.mean(1, keepdim=True)
    real = mask[..., None].to(x.dtype)
    return (x * real).sum(1, keepdim=True) / real.sum(1, keepdim=True).clamp(min=1)


def build(options: VlPetOptions, tasks: tuple[str, ...]) -> VlPet:
    """The adapter of a recipe."""
    return VlPet(options)
