"""Sites: the named places of a trunk where adapters act."""

from dataclasses import dataclass
from typing import Final, Literal

SiteKind = Literal["block", "projection", "norm", "attention", "embedding", "position-biases", "head", "module", "side"]

SIDE: Final = "side"
"""What is within a site beside the trunk, and its kind."""


@dataclass(frozen=True)
class Site:
    """One place in a trunk.

    A block's site is its output, before dropout and residual (`encoder.0.self-attention`); a projection's site is one
    linear layer (`encoder.0.self-attention.query`); a norm's is one normalisation (`encoder.0.self-attention.norm`); an
    attention's is what its queries read (`encoder.0.self-attention.memory`); one of position biases is a table of
    numbers that a stack's attentions add to their scores (`encoder.relative-biases`). A side one is beside the
    trunk: a layer of a side network (`encoder.0.side`), or what is around its layers (`encoder.side`).
    """

    stack: str
    """`encoder`, `decoder`, or the name of another stack such as `vision`."""
    layer: int | None
    block: str | None
    """`self-attention`, `cross-attention`, `feed-forward`, or None outside of layers."""
    kind: SiteKind
    inner: str | None
    """Within the block: `query`, `key`, `value`, `output`, `up`, `gate`, `down`, `norm`; outside of layers a name."""
    width_in: int
    width_out: int
    module: str
    """Path of the module in the transformers model, for exchange with other libraries."""
    heads: int = 0
    """Of an attention: heads of the query."""
    memory_heads: int = 0
    """Of an attention: heads of keys and values."""
    head_width: int = 0
    """Of an attention: width of a head."""
    rows: tuple[int, int] | None = None
    """Of a projection whose module keeps a fused weight: the first of its rows of it and the one behind the last."""

    @property
    def name(self) -> str:
        """Unique name, such as `decoder.2.cross-attention.query`."""
        fields = (self.stack, self.layer, self.block, self.inner)
        return ".".join(str(field) for field in fields if field is not None)
