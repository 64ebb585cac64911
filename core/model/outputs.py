"""What an objective may ask of the model for the rows of its task."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attachment import GraftModule
from multigraft.core.graft.bank import Bank
from multigraft.core.options.options import Decoding
from multigraft.core.trunk import decoding as decode
from multigraft.core.types.batch import Segment
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.interfaces.interceptor import Interceptor
    from multigraft.core.trunk.continuation import Continuation
    from multigraft.core.trunk.passes import Passes


class SegmentOutputs:
    """What one segment's rows give: states, logits, answers. The batch's passes are made when first asked for."""

    def __init__(self, passes: "Passes", segment: Segment, bank: Bank, head: GraftModule[nn.Module] | None) -> None:
        self._passes, self._segment, self._bank, self._head = passes, segment, bank, head
        self._backbone = passes.backbone

    def hidden(self) -> Tensor:
        """States that predict the target tokens, `(rows, target tokens, width)`."""
        return self._passes.target_states()[self._segment.rows]

    def summary(self) -> Tensor:
        """What heads read of each row, `(rows, width)`."""
        return self._passes.summary()[self._segment.rows]

    def states(self, stack: str) -> Tokens:
        """The last states of a stack, with those of inserted tokens, and their mask."""
        tokens, rows = self._passes.output(stack).tokens, self._segment.rows
        return Tokens(tokens.states[rows], None if tokens.mask is None else tokens.mask[rows])

    def logits(self, hidden: Tensor) -> Tensor:
        """`(..., width)` to `(..., vocabulary)`."""
        return self._backbone.output(hidden, self._intercept)

    def head(self, x: Tensor) -> Tensor:
        """The objective's own head.

        Raises:
            ValueError: it declared none.
        """
        if self._head is None:
            raise ValueError(f"the objective of task '{self._segment.task}' declared no head")
        values = self._head.values(self._bank, self._segment.task)
        return functional_call(self._head.module, values, (x,))  # type: ignore[no-any-return]

    def generate(self, decoding: Decoding) -> list[str]:
        """Greedy or beam output of each row."""
        search = decode.greedy if decoding.beams == 1 else decode.beam
        return self._backbone.detokenize(search(self._beginning, self._intercept, decoding))

    def score(self, candidates: Sequence[Sequence[str]]) -> Tensor:
        """Log-probability of each row's candidates, `(rows, most candidates)`, -inf where a row has fewer."""
        return decode.score(self._beginning, self._intercept, candidates)

    @cached_property
    def _intercept(self) -> "Interceptor":
        return self._passes.intercept.narrow(self._segment.start, self._segment.stop)

    @cached_property
    def _beginning(self) -> "Continuation":
        if self._passes.closed:
            raise MultigraftError("a loss that decodes cannot be used with `train.shard`")
        begin = self._passes.beginning
        rows = torch.arange(self._segment.start, self._segment.stop, device=begin.hidden.device)
        return begin.narrow(rows)
