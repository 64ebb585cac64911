"""What an objective may ask of the model for the rows of its task."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.graft.attachment import GraftModule
from multigraft.core.interfaces.backbone import Backbone, Encoded
from multigraft.core.options.options import Decoding
from multigraft.core.trunk import decoding as decode
from multigraft.core.types.batch import Segment

if TYPE_CHECKING:
    from multigraft.core.graft.graft_interceptor import GraftInterceptor


class SegmentOutputs:
    """What one segment's rows give: states, logits, answers; the encoder has run already."""

    def __init__(
        self,
        backbone: Backbone,
        segment: Segment,
        encoded: Encoded,
        hidden: Callable[[], Tensor],
        intercept: "GraftInterceptor",
        head: GraftModule[nn.Module] | None,
    ) -> None:
        self._backbone, self._segment, self._all_hidden, self._head = backbone, segment, hidden, head
        self._encoded = Encoded(encoded.states[segment.rows], encoded.mask[segment.rows])
        self._intercept = intercept.narrow(segment)

    def hidden(self) -> Tensor:
        """Decoder states under teacher forcing, `(rows, target tokens, width)`."""
        return self._all_hidden()[self._segment.rows]

    def first_hidden(self) -> Tensor:
        """Decoder state at its start token, `(rows, width)`."""
        rows = self._encoded.states.shape[0]
        ids = torch.full((rows, 1), self._backbone.end, device=self._encoded.states.device)
        return self._backbone.decode(self._encoded, ids, self._intercept)[:, 0]

    def encoded(self) -> Encoded:
        """Encoder states and mask."""
        return self._encoded

    def logits(self, hidden: Tensor) -> Tensor:
        """`(..., width)` to `(..., vocabulary)`."""
        return self._backbone.head(hidden)

    def head(self, x: Tensor) -> Tensor:
        """The objective's own head.

        Raises:
            ValueError: it declared none.
        """
        if self._head is None:
            raise ValueError(f"the objective of task '{self._segment.task}' declared no head")
        values = self._head.values(self._intercept.graft.bank, self._segment.task)
        return functional_call(self._head.module, values, (x,))  # type: ignore[no-any-return]

    def generate(self, decoding: Decoding) -> list[str]:
        """Greedy or beam output of each row."""
        search = decode.greedy if decoding.beams == 1 else decode.beam
        return self._backbone.detokenize(search(self._backbone, self._encoded, self._intercept, decoding))

    def score(self, candidates: Sequence[Sequence[str]]) -> Tensor:
        """Log-probability of each row's candidates, `(rows, most candidates)`, -inf where a row has fewer."""
        return decode.score(self._backbone, self._encoded, self._intercept, candidates)
