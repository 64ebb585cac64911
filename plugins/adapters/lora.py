"""LoRA: `W x + scale * Up Down x` (Hu et al. 2022, section 4.1)."""

from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor
from torch.nn.functional import dropout

from multigraft import Adapter, Part, Site, SiteCall
from multigraft.init import uniform, zeros
from multigraft.ops import Operand, low_rank
from multigraft.plugins.adapters.options import LoraOptions


class Lora(Adapter):
    """A low-rank update beside a projection that starts at zero; `rank (width_in + width_out)` numbers a site."""

    kinds = ("projection",)
    grouped = True

    def __init__(self, options: LoraOptions) -> None:
        self.options = options
        self.scale = options.alpha / (options.rank if options.scaling == "rank" else sqrt(options.rank))

    def parts(self, site: Site) -> Sequence[Part]:
        """`down.weight` (rank, width_in), started as a linear layer's, and `up.weight` (width_out, rank), zeros."""
        rank = self.options.rank
        return (
            Part("down.weight", (rank, site.width_in), uniform(1 / sqrt(site.width_in))),
            Part("up.weight", (site.width_out, rank), zeros),
        )

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width_out)`."""
        read = dropout(call.input, self.options.dropout, call.training)
        return torch.add(call.output, low_rank(read, parts["down.weight"], parts["up.weight"]), alpha=self.scale)

    def delta(self, site: Site, parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor] | None:
        """`scale * Up` and `Down`."""
        return self.scale * parts["up.weight"], parts["down.weight"]


def build(options: LoraOptions, tasks: tuple[str, ...]) -> Lora:
    """The adapter of a recipe."""
    return Lora(options)
