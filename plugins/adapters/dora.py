"""DoRA: `m * (W + scale * Up Down) / norms of its rows` (Liu et al. 2024, equation 5).

The norms are constants in the gradient (section 4.3). Dropout acts on what the update reads alone.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import dropout

from multigraft import Part, Site, SiteCall, ops
from multigraft.init import of_weight
from multigraft.ops import Operand
from multigraft.plugins.adapters.lora import Lora
from multigraft.plugins.adapters.options import DoraOptions


class Dora(Lora):
    """A low-rank update of a projection's directions, beside the lengths of its rows."""

    def parts(self, site: Site) -> Sequence[Part]:
        """Those of LoRA, and `magnitude` (width_out,), started as the norms of the weight's rows."""
        return (*super().parts(site), Part("magnitude", (site.width_out,), of_weight(_row_norms)))

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width_out)`; the bias is left as it is."""
        down, up = parts["down.weight"], parts["up.weight"]
        weight = call.own.weight
        assert weight is not None, "a projection has a weight"
        norms = ops.map(self._norms, weight, down, up)
        gain = ops.map(torch.div, parts["magnitude"], norms)
        read = dropout(call.input, self.options.dropout, call.training)
        bias = call.own.bias
        mapped = call.output if bias is None else ops.shift(call.output, ops.map(torch.neg, bias))
        scaled = ops.scale(torch.add(mapped, ops.low_rank(read, down, up), alpha=self.scale), gain)
        return scaled if bias is None else ops.shift(scaled, bias)

    def delta(self, site: Site, parts: Mapping[str, Tensor]) -> None:
        """None: the lengths of the rows are set, whatever the weight is."""

    def merged(
        self, site: Site, weight: Tensor, bias: Tensor | None, parts: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """The weight whose rows have the magnitudes as their norms."""
        moved = weight + self.scale * parts["up.weight"] @ parts["down.weight"]
        return moved * (parts["magnitude"] / _row_norms(moved))[:, None], bias

    @torch.no_grad()
    def _norms(self, weight: Tensor, down: Tensor, up: Tensor) -> Tensor:
        """Of the rows of `W + scale * Up Down`, `(width_out,)`, in 32 bits or more."""
        wide = torch.promote_types(weight.dtype, torch.float32)
        with torch.autocast(weight.device.type, enabled=False):
            return _row_norms(weight.to(wide) + self.scale * up.to(wide) @ down.to(wide))


def _row_norms(weight: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(weight, dim=1)
    return norms


def build(options: DoraOptions, tasks: tuple[str, ...]) -> Dora:
    """The adapter of a recipe."""
    return Dora(options)
