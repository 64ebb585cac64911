"""The passes of a batch through a backbone: each stack runs once, when its states are first asked for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.stack import Insert, Stack, StackCache
from multigraft.core.trunk.memory import joined_memory
from multigraft.core.trunk.run_beside import run_beside
from multigraft.core.trunk.run_stack import At, StackOutput, of_columns, told
from multigraft.core.types.batch import IGNORED
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.interceptor import Interceptor
    from multigraft.core.trunk.runs import Run
    from multigraft.core.types.arranged import Arranged


@dataclass(frozen=True)
class Texts:
    """Input texts and targets of some rows."""

    ids: Tensor
    """`(rows, text tokens)`."""
    mask: Tensor
    """`(rows, text tokens)`, True at real tokens."""
    targets: Tensor
    """`(rows, target tokens)`, `IGNORED` at padding."""


@dataclass(frozen=True)
class Continuation:
    """Rows whose next token is to be decoded."""

    backbone: "Backbone"
    hidden: Tensor
    """`(rows, width)`: states that predict the next token."""
    cache: StackCache
    position: Tensor
    """`(rows or 1, 1)`: the next token's place in the text."""
    memory: Tokens | None
    """What cross-attention reads, one row for all beams or candidates of a row."""
    start: Tensor
    """`(rows or 1, tokens)`: ids of the target that were read before any was decoded; none where a text and its target
    are one sequence."""

    def extend(self, ids: Tensor, intercept: "Interceptor") -> tuple[Tensor, "Continuation"]:
        """Read further tokens `(rows, tokens)`: their states `(rows, tokens, width)`, and where it stands then."""
        stack = self.backbone.stacks[str(self.backbone.predicts)]
        count = ids.shape[1]
        positions = self.position + self.position.new_tensor(range(count))[None]
        embedded = Tokens(stack.embed(ids, positions, intercept), None, positions)
        output = run_beside(stack, embedded, intercept, memory=self.memory, cache=self.cache)
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
        position, start = _of_rows(self.position, rows), _of_rows(self.start, rows)
        return replace(self, hidden=self.hidden[rows], cache=self.cache.select(rows), position=position, start=start)

    def narrow(self, rows: Tensor) -> "Continuation":
        """The given rows alone, with what they read."""
        memory = self.memory and _narrowed(self.memory, rows)
        position, start = _of_rows(self.position, rows), _of_rows(self.start, rows)
        cache = self.cache.narrow(rows)
        return replace(self, hidden=self.hidden[rows], cache=cache, position=position, memory=memory, start=start)


class Passes:
    """States of the rows of a batch.

    Args:
        inserts: tokens that join the stacks' own, such as a visual prompt.
        taps: layers whose incoming states are kept, by stack.
        checkpoint: whether layers are computed again in the backward pass.
        split: whether targets are read as a continuation of the beginning even where nothing joins in front of them.
        elsewhere: what a run gives that is made over more rows than these, for these.
    """

    def __init__(
        self,
        backbone: "Backbone",
        texts: Texts,
        intercept: "Interceptor",
        inserts: Sequence[Insert] = (),
        taps: Mapping[str, Collection[At]] = {},
        checkpoint: bool = False,
        split: bool = False,
        elsewhere: "Callable[[Run], StackOutput | None]" = lambda run: None,
    ) -> None:
        self._split, self._elsewhere = split, elsewhere
        self.backbone, self.texts, self.intercept = backbone, texts, intercept
        self._to_memory = [insert for insert in inserts if insert.layer == "memory"]
        self._inserts = [insert for insert in inserts if insert.layer != "memory"]
        self._taps, self._checkpoint = taps, checkpoint
        self._memories: dict[str, Tokens | None] = {}
        self._outputs: dict[tuple[str, bool], StackOutput] = {}

    def output(self, stack: str, beginning: bool = False) -> StackOutput:
        """What a stack gives; with `beginning`, of what is read before the first target token is decoded.

        Tokens that join the predicting stack behind stand before the targets: then it gives its beginning alone, and
        the targets are read as a continuation of it.
        """
        key = stack, stack == self.backbone.predicts and (beginning or self._joined_behind)
        if key not in self._outputs:
            made = self._elsewhere((stack, "beginning" if key[1] else "whole"))
            self._outputs[key] = self._run(*key) if made is None else made
        return self._outputs[key]

    def target_states(self) -> Tensor:
        """States that predict the target tokens, `(rows, target tokens, width)`.

        Raises:
            MultigraftError: the backbone predicts none.
        """
        places = self._whole.places
        if self.backbone.predicts is None or places is None:
            raise MultigraftError("this backbone predicts no targets")
        if self._joined_behind:
            return self._continued
        return _at(self.output(self.backbone.predicts).states, places)

    def summary(self) -> Tensor:
        """What heads read of each row, `(rows, width)`."""
        if self.backbone.summary == "begin":
            return self.beginning.hidden
        states = self.output(next(iter(self.backbone.stacks))).states
        if self.backbone.summary == "first":
            return states[:, 0]
        real = self.texts.mask[..., None].to(states.dtype)
        return (states * real).sum(1) / real.sum(1).clamp(min=1)

    def text_states(self) -> Tensor:
        """Last states of the text's own tokens in the stack that reads it, `(rows, text tokens, width)`."""
        return self.output(next(iter(self.backbone.stacks))).states[:, : self.texts.ids.shape[1]]

    @cached_property
    def beginning(self) -> Continuation:
        """Where decoding begins.

        Raises:
            MultigraftError: the backbone predicts no targets.
        """
        if self.backbone.predicts is None or self._begun.places is None:
            raise MultigraftError("this backbone predicts no targets")
        name = self.backbone.predicts
        output, places = self.output(name, beginning=True), self._begun.places
        ids, positions = self._begun.inputs[name].ids, self._begun.inputs[name].positions
        rows = max(positions.shape[0], places.shape[0])
        last = positions.expand(rows, -1).gather(1, places.expand(rows, -1))
        assert output.cache is not None
        hidden, memory = _first_hidden(output, places), self._memory(name)
        start = ids[:, :0] if self.backbone.stacks[name].reads == "text+target" else ids
        return Continuation(self.backbone, hidden, output.cache, last + 1, memory, start)

    def make(self, run: "Run") -> Tensor:
        """Make a run now; its last states, `(rows, tokens, width)`."""
        name, part = run
        return self._continued if part == "rest" else self.output(name, part == "beginning").tokens.states

    @cached_property
    def _continued(self) -> Tensor:
        return self.beginning.predicting(self.texts.targets, self.intercept)

    @property
    def _joined_behind(self) -> bool:
        return self._split or any(
            insert.stack == self.backbone.predicts and insert.place == "back" for insert in self._inserts
        )

    @cached_property
    def _whole(self) -> "Arranged":
        return self.backbone.arrange(self.texts.ids, self.texts.mask, self.texts.targets)

    @cached_property
    def _begun(self) -> "Arranged":
        return self.backbone.arrange(self.texts.ids, self.texts.mask, None)

    def _text(self, stack: Stack) -> Tokens | Tensor | None:
        """What inserts into a stack are told is the text; for one that reads targets too, which tokens are none."""
        if stack.reads == "text+target":
            begun = self._begun
            columns = torch.arange(begun.inputs[stack.name].ids.shape[1], device=self.texts.ids.device)
            return None if begun.places is None else columns <= begun.places
        if stack.reads == "text" or stack.memory is None:
            return None
        output = self.output(stack.memory)
        return of_columns(output.tokens, output.own)

    def _memory(self, name: str) -> Tokens | None:
        """What the cross-attention of a stack reads: the states of another, and prompts."""
        if name not in self._memories:
            stack = self.backbone.stacks[name]
            memory = None if stack.memory is None else self.output(stack.memory).tokens
            for insert in self._to_memory:
                if insert.stack == name:
                    memory = joined_memory(memory, insert, self._text_before(stack))
            self._memories[name] = memory
        return self._memories[name]

    def _text_before(self, stack: Stack) -> Tokens:
        """The text as it is known before a stack runs: as another has read it, or as this one embeds it."""
        text = self._text(stack)
        if isinstance(text, Tokens):
            return text
        given = self._begun.inputs[stack.name]
        states = stack.embed(given.ids, given.positions, self.intercept.masked(given.mask))
        return told(Tokens(states, given.mask, given.positions), text)

    def _run(self, name: str, beginning: bool) -> StackOutput:
        stack = self.backbone.stacks[name]
        memory = self._memory(name)
        given = (self._begun if beginning else self._whole).inputs[name]
        states = stack.embed(given.ids, given.positions, self.intercept.masked(given.mask))
        return run_beside(
            stack,
            Tokens(states, given.mask, given.positions),
            self.intercept,
            memory=memory,
            inserts=self._inserts,
            text=self._text(stack),
            taps=self._taps.get(name, ()),
            cache=StackCache.empty(len(stack.layers)) if beginning else None,
            checkpoint=self._checkpoint,
        )


def _at(states: Tensor, places: Tensor) -> Tensor:
    """The states `(rows, tokens, width)` at places `(rows or 1, some)` of each row."""
    if places.shape[0] == 1:
        return states[:, places[0]] if places.shape[1] != states.shape[1] else states
    return states.gather(1, places[..., None].expand(-1, -1, states.shape[-1]))


def _first_hidden(output: StackOutput, places: Tensor) -> Tensor:
    """States that predict the first target token, `(rows, width)`: of each row's last token that joined behind, and at
    its place `(rows or 1, 1)` where none did."""
    hidden = _at(output.states, places)[:, 0]
    behind, mask = output.tokens.states[:, output.own.stop :], output.tokens.mask
    if behind.shape[1] == 0:
        return hidden
    if mask is None:
        return behind[:, -1]
    counted = torch.arange(1, behind.shape[1] + 1, device=behind.device)
    last = (mask[:, output.own.stop :] * counted).amax(1, keepdim=True)
    return torch.where(last > 0, _at(behind, (last - 1).clamp(min=0))[:, 0], hidden)


def _narrowed(memory: Tokens, rows: Tensor) -> Tokens:
    mask = None if memory.mask is None else memory.mask[rows]
    beside = {name: _narrowed(own, rows) for name, own in memory.beside.items()}
    return replace(memory, states=memory.states[rows], mask=mask, beside=beside)


def _of_rows(values: Tensor, rows: Tensor) -> Tensor:
    return values[rows] if values.shape[0] > 1 else values
