"""Options of the built-in adapters."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from multigraft import AdapterOptions, Section, SiteSelector

_WIDEST = 2**20
_DEFAULT_REDUCTION = 8
Inner = Literal["query", "key", "value", "output", "up", "gate", "down"]
"""Projections within a block."""


class _Narrowing(AdapterOptions):
    """Options of adapters that make a narrow state and widen it again."""

    reduction: int | None = Field(None, ge=1, le=_WIDEST)
    """Width of what is read divided by the width of the bottleneck; 8 if neither this nor `width` is given."""
    width: int | None = Field(None, ge=1, le=_WIDEST)
    """Width of the bottleneck."""

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if self.reduction and self.width:
            raise ValueError("give `reduction` or `width`, not both")
        return self

    def bottleneck(self, width: int, least: int = 1) -> int:
        """Width of the bottleneck where `width` channels are read; from a reduction, `least` or more."""
        return self.width or max(least, width // (self.reduction or _DEFAULT_REDUCTION))


class BottleneckOptions(_Narrowing):
    """Down, nonlinearity, up, with a skip of its own; at blocks, or at the projections that `sites.inner` names."""

    placement: Literal["serial", "parallel"] = "serial"
    """`serial`: it reads the output of the block or projection; `parallel`: it reads the same input as that does (He
    et al. 2022)."""
    scale: float = Field(1.0, gt=0)
    """What it adds is multiplied by it; 4 in He et al. 2022."""
    activation: Literal["gelu-tanh", "gelu", "relu", "silu"] = "gelu-tanh"
    """What is between the two matrices; `gelu-tanh` is GELU by its tanh formula, as in VL-Adapter, `gelu` the exact
    one."""
    pre_norm: bool = False
    """Whether what it reads goes through a LayerNorm of its own first; the skip does not."""
    post_norm: bool = False
    """Whether what it adds goes through a LayerNorm of its own."""
    start: Literal["normal", "identity"] = "normal"
    """`normal`: both matrices N(0, `spread`), as in VL-Adapter; `identity`: the up matrix is zero."""
    spread: float = Field(0.02, gt=0, le=10)
    """Standard deviation of matrices that start at random; 0.01 in Dynamic Visual Prompting."""


class CompacterOptions(_Narrowing):
    """A bottleneck whose two matrices are sums of Kronecker products (Mahabadi et al. 2021)."""

    hypercomplex_division: int = Field(2, ge=1, le=64)
    """Kronecker products in a sum, `n` in the paper; it divides both widths. 2 as in VL-Adapter, 4 in the paper."""
    rank: int | None = Field(None, ge=1, le=_WIDEST)
    """Rank of the factors, each then made of a left and a right one; full if left out. 1 in the paper."""
    rule_rank: int | None = Field(None, ge=1, le=64)
    """Rank of the rule's matrices, each then made of a left and a right one; full if left out, as in the paper."""
    shared_rule: bool = False
    """Whether down and up of all sites have one rule, as in the paper; otherwise each linear has its own."""


class LowRankOptions(_Narrowing):
    """A bottleneck whose two matrices are each of a low rank (AdapterLowRank in Mahabadi et al. 2021)."""

    rank: int = Field(1, ge=1, le=_WIDEST)
    """Rank of both matrices; 1 in VL-Adapter."""


class LoraOptions(AdapterOptions):
    """Low-rank updates of projections (Hu et al. 2022)."""

    sites: SiteSelector = SiteSelector(inner=["query", "value"])
    """Where it acts; if left out, on all query and value projections."""
    rank: int = Field(8, ge=1, le=_WIDEST)
    """Width between the two matrices."""
    alpha: float = Field(16.0, gt=0)
    """The update is multiplied by it, divided by what `scaling` says."""
    scaling: Literal["rank", "sqrt-rank"] = "rank"
    """What `alpha` is divided by: the rank, or its square root (rank-stabilised, Kalajdzievski 2023)."""
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Of what the update reads, in training."""


class DoraOptions(LoraOptions):
    """Low-rank updates of the directions of projections, beside the lengths of their rows (Liu et al. 2024)."""


class Ia3Options(AdapterOptions):
    """Vectors that scale activations (Liu et al. 2022)."""

    sites: SiteSelector = SiteSelector(inner=["key", "value", "down"])
    """Where it acts; if left out, on key, value and the second linear of the feed-forward."""
    scale_input: list[Inner] | None = None
    """Projections whose input is scaled; of all others the output is. If left out: `down`, where that is among the
    sites. `feedforward_modules` in peft."""


class Reparametrisation(Section):
    """The two-layer network that makes a prefix."""

    hidden: int = Field(512, ge=1, le=_WIDEST)
    """Width between its two layers."""


class PrefixOptions(AdapterOptions):
    """Trained keys and values in front of what attention reads (Li and Liang 2021)."""

    tokens: int = Field(10, ge=1, le=4096)
    """Keys and values at each attention."""
    reparametrised: Reparametrisation | None = None
    """A table and a two-layer network that make them, as in the paper; if left out they are trained themselves."""


class LadderOptions(AdapterOptions):
    """A narrow network beside every stack of the frozen trunk (Sung et al. 2022); it takes no `sites`."""

    reduction: int = Field(8, ge=1, le=_WIDEST)
    """Width of the trunk divided by that of the side network; 4 in the paper's image suite."""
    layers: dict[str, Annotated[list[int], Field(min_length=1)]] = Field(default_factory=dict)
    """Layers of the trunk that have one beside them, by stack, as in `encoder: [1, 3, 5]`; all those of a stack that is
    left out."""
    gate_temperature: float | None = Field(0.1, gt=0)
    """What the number behind a gate is divided by before the sigmoid; null for no gates, so that what comes from the
    trunk is added."""
    trunk_reads: Literal["text", "all"] = "text"
    """Whether the trunk reads text and targets alone, as in the paper's code, or the visual prompt too."""
    trunk_precision: Literal["bf16", "same"] = "bf16"
    """What the trunk is computed in: bf16, or what the recipe says for everything."""


class VlPetOptions(AdapterOptions):
    """A bottleneck whose result a gate scales (Hu et al. 2023); in the paper at the blocks of the encoder."""

    width: int = Field(96, ge=1, le=_WIDEST)
    """Width of the bottleneck, and of the one in a large gate."""
    gate: Literal["large", "middle-x", "middle-y", "small"] = "large"
    """What has a number of its own: each channel of each token, each token, each channel, or each text."""
