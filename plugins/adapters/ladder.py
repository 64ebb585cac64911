"""Ladder side tuning (Sung et al. 2022, section 3): narrow layers beside the trunk's, which read its states.

`s = Down_0 e` of the embedded tokens `e`. Beside layer `i`, whose states come out as `h_i`,
`s <- Layer_i(g_i s + (1 - g_i) Down_i h_i)` with a gate `g_i = sigmoid(a_i / T)` that starts at 1/2, or
`Layer_i(s + Down_i h_i)` without gates. Behind the last layer of the stack that predicts, `Up s` stands in for the
trunk's states.
"""

from collections.abc import Mapping, Sequence
from math import sqrt

from torch import Tensor
from torch.nn.functional import linear

from multigraft import OptionError, Part, SideNetwork, Site
from multigraft.init import uniform, zeros
from multigraft.plugins.adapters.options import LadderOptions
from multigraft.stacks import BesideStack


class Ladder(SideNetwork):
    """With `r` the reduction and `w = d / r`: `(d + 1) w` numbers before all layers and for each, and 1 for a gate;
    `(w + 1) d` behind the stack that predicts; and those of the backbone's narrow layers."""

    def __init__(self, options: LadderOptions) -> None:
        self.options = options
        self.trunk_precision, self.trunk_reads = options.trunk_precision, options.trunk_reads

    def layers(self, stack: BesideStack) -> Sequence[int]:
        """All, or those that the recipe keeps of this stack.

        Raises:
            OptionError: there is no such layer, or one is named twice.
        """
        kept = self.options.layers.get(stack.name)
        if kept is None:
            return range(stack.layers)
        for number, layer in enumerate(kept):
            if not 0 <= layer < stack.layers:
                message = f"the {stack.name} has the layers 0 to {stack.layers - 1}"
                raise OptionError(("layers", stack.name, number), message)
            if layer in kept[:number]:
                raise OptionError(("layers", stack.name, number), f"layer {layer} is named twice")
        return sorted(kept)

    def width(self, stack: BesideStack) -> int:
        """The trunk's, divided by the reduction.

        Raises:
            OptionError: it does not divide it.
        """
        if stack.width % self.options.reduction:
            raise OptionError(("reduction",), f"{self.options.reduction} does not divide the width {stack.width}")
        return stack.width // self.options.reduction

    def parts(self, stack: BesideStack, layer: int | None) -> Sequence[Part]:
        """`down.weight` (own width, width) and `down.bias`; `gate` (1,) beside layers; around those of a stack that
        ends `up.weight` (width, own width) and `up.bias` too. The matrices start as linear layers do."""
        width, own = stack.width, self.width(stack)
        down = _linear_parts("down", width, own)
        if layer is not None:
            return (*down, Part("gate", (1,), zeros)) if self.options.gate_temperature else down
        return (*down, *_linear_parts("up", own, width)) if stack.ends else down

    def enter(self, embedded: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        """`Down_0 e`: `(rows, tokens, own width)`."""
        return linear(embedded, parts["down.weight"], parts["down.bias"])

    def from_trunk(self, states: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        """`Down_i h_i`: `(rows, tokens, own width)`."""
        return linear(states, parts["down.weight"], parts["down.bias"])

    def join(self, state: Tensor, taken: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        """`g s + (1 - g) taken`: `(rows, tokens, own width)`."""
        if self.options.gate_temperature is None:
            return state + taken
        gate = (parts["gate"] / self.options.gate_temperature).sigmoid()
        return gate * state + (1 - gate) * taken

    def leave(self, state: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
        """`Up s`: `(rows, tokens, width)`."""
        return linear(state, parts["up.weight"], parts["up.bias"])

    def unused(self, sites: Sequence[Site]) -> Sequence[str]:
        """Stacks in `layers` that are not there."""
        return [name for name in self.options.layers if name not in {site.stack for site in sites}]


def _linear_parts(name: str, width_in: int, width_out: int) -> tuple[Part, Part]:
    start = uniform(1 / sqrt(width_in))
    return Part(f"{name}.weight", (width_out, width_in), start), Part(f"{name}.bias", (width_out,), start)


def build(options: LadderOptions, tasks: tuple[str, ...]) -> Ladder:
    """The side network of a recipe."""
    return Ladder(options)
