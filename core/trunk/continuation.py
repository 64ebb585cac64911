"""Where decoding stands, and how it goes on."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.trunk.run_stack import run_stack
from multigraft.core.types.batch import IGNORED
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.interceptor import Interceptor
    from multigraft.core.interfaces.stack import StackCache


@dataclass(frozen=True)
class Continuation:
    """Rows whose next token is to be decoded."""

    backbone: "Backbone"
    hidden: Tensor
    """`(rows, width)`: states that predict the next token."""
    cache: "StackCache"
    position: Tensor
    """`(rows or 1, 1)`: the next token's place in the text."""
    memory: Tokens | None
    """What cross-attention reads, one row for all beams or candidates of a row."""

    def extend(self, ids: Tensor, intercept: "Interceptor") -> tuple[Tensor, "Continuation"]:
        """Read further tokens `(rows, tokens)`: their states `(rows, tokens, width)`, and where it stands then."""
        stack = self.backbone.stacks[str(self.backbone.predicts)]
        count = ids.shape[1]
        positions = self.position + self.position.new_tensor(range(count))[None]
        embedded = Tokens(stack.embed(ids, positions, intercept), None, positions)
        output = run_stack(stack, embedded, intercept, memory=self.memory, cache=self.cache)
        assert output.cache is not None
        return output.states, replace(
            self, hidden=output.states[:, -1], cache=output.cache, position=self.position + count
        )

    def predicting(self, targets: Tensor, intercept: "Interceptor") -> Tensor:
        """States that predict targets `(rows, tokens)`, `IGNORED` at padding: `(rows, tokens, width)`."""
        states = self.hidden[:, None]
        if targets.shape[1] == 1:
            return states
        read = targets[:, :-1].masked_fill(targets[:, :-1] == IGNORED, self.backbone.pad)
        return torch.cat([states, self.extend(read, intercept)[0]], 1)

    def logits(self, intercept: "Interceptor") -> Tensor:
        """Of the next token, `(rows, vocabulary)`."""
        return self.backbone.output(self.hidden[:, None], intercept)[:, 0]

    def select(self, rows: Tensor) -> "Continuation":
        """The given rows, which read the same memory as those whose places they take: beams, candidates."""
        return replace(
            self, hidden=self.hidden[rows], cache=self.cache.select(rows), position=_of_rows(self.position, rows)
        )

    def narrow(self, rows: Tensor) -> "Continuation":
        """The given rows alone, with what they read."""
        memory = self.memory
        if memory is not None:
            memory = replace(
                memory, states=memory.states[rows], mask=None if memory.mask is None else memory.mask[rows]
            )
        position = _of_rows(self.position, rows)
        return replace(self, hidden=self.hidden[rows], cache=self.cache.narrow(rows), position=position, memory=memory)


def _of_rows(position: Tensor, rows: Tensor) -> Tensor:
    return position[rows] if position.shape[0] > 1 else position
