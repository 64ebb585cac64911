"""What an objective or an evaluator may ask of the model for the rows of its task."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.errors import MultigraftError
from multigraft.core.model.media_states import media_states, media_summary
from multigraft.core.trunk import decoding as decode
from multigraft.core.trunk.runs import Run, runs_for
from multigraft.core.types.need import View
from multigraft.core.types.preparation import VISUAL
from multigraft.core.types.row_choice import RowChoice
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.graft.attachment import GraftModule
    from multigraft.core.graft.bank import Bank
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.interceptor import Interceptor
    from multigraft.core.model.batch_passes import BatchPasses
    from multigraft.core.model.prompt_rows import RowTokens
    from multigraft.core.options.options import Decoding
    from multigraft.core.trunk.passes import Continuation, Passes
    from multigraft.core.types.batch import Segment


@dataclass(frozen=True)
class Equipment:
    """What an objective has of its own."""

    bank: "Bank"
    writing: "Backbone"
    """With the form of texts that its task has."""
    modules: Mapping[str, "GraftModule[nn.Module]"] = field(default_factory=dict)
    state: Mapping[str, Tensor] = field(default_factory=dict)
    gathered: Mapping[str, Tensor] = field(default_factory=dict)
    """The features of the task's rows in the global batch."""
    first: int = 0
    """Which of these is the first of this process."""


class SegmentOutputs:
    """States, logits and answers of one segment's rows; passes are made when first asked for."""

    def __init__(self, passes: "BatchPasses", segment: "Segment", own: Equipment, view: View = View()) -> None:  # noqa: B008
        self._all, self._segment, self._own, self._view = passes, segment, own, view
        self._backbone = passes.backbone

    def view(self, view: View) -> "SegmentOutputs":
        """The same rows, otherwise seen: another text, the teacher's states, without media."""
        return SegmentOutputs(self._all, self._segment, self._own, view)

    @property
    def state(self) -> Mapping[str, Tensor]:
        """What the objective keeps between steps, as it was at the start of this one."""
        return self._own.state

    @property
    def gathered(self) -> Mapping[str, Tensor]:
        """The objective's `features` of the task's rows in the global batch, `(all rows, ...)`."""
        return self._own.gathered

    @property
    def first(self) -> int:
        """Which row of `gathered` is the first of these rows."""
        return self._own.first

    def hidden(self) -> Tensor:
        """States that predict the target tokens, `(rows, target tokens, width)`."""
        with self._computing():
            passes, rows = self._passes("targets")
            return passes.target_states()[rows]

    def summary(self) -> Tensor:
        """What heads read of each row, `(rows, width)`."""
        with self._computing():
            passes, rows = self._passes("summary")
            return passes.summary()[rows]

    def text_states(self) -> Tensor:
        """Last states of the text's own tokens in the stack that reads it, `(rows, text tokens, width)`."""
        with self._computing():
            passes, rows = self._passes("states", next(iter(self._backbone.stacks)))
            return passes.text_states()[rows]

    def states(self, stack: str) -> Tokens:
        """The last states of a stack, with those of inserted tokens, and their mask."""
        with self._computing():
            passes, rows = self._passes("states", stack)
            tokens = passes.output(stack).tokens
            return Tokens(tokens.states[rows], None if tokens.mask is None else tokens.mask[rows])

    def media(self, modality: str = VISUAL) -> Tokens:
        """An encoder's tokens of each row's media, `(rows, tokens, feature width)`, and their mask."""
        with self._computing():
            return media_states(self._kinds(modality), self._rows)

    def media_summary(self, modality: str = VISUAL) -> Tensor:
        """One vector for a row's media, `(rows, feature width)`: the mean over its items of their class tokens, or of
        all their tokens where there are none."""
        with self._computing():
            return media_summary(self._kinds(modality), self._rows)

    def repaired(self, texts: Tensor, media: Tensor) -> "PairOutputs":
        """Other pairs of these rows' texts and media: rows of this segment by number, `(pairs,)` each."""
        if not any(need.what == "pairs" and need.view == self._view for need in self._all.needs_of(self._segment)):
            raise self._unnamed("pairs")
        passes = self._all.repaired(self._view, self._alone, texts, media)
        return PairOutputs(passes, self._all, self._view)

    def logits(self, hidden: Tensor) -> Tensor:
        """`(..., width)` to `(..., vocabulary)`."""
        with self._computing():
            return self._backbone.output(hidden, self._intercept)

    def module(self, name: str, *inputs: Tensor) -> Tensor:
        """A module of the objective, with the values that the task's owners hold.

        Raises:
            ValueError: it declared none of this name.
        """
        if name not in self._own.modules:
            raise ValueError(f"the objective of task '{self._segment.task}' declared no module {name!r}")
        module = self._own.modules[name]
        with self._computing():
            values = module.values(self._own.bank, self._segment.task)
            return functional_call(module.module, values, inputs)  # type: ignore[no-any-return]

    def generate(self, decoding: "Decoding") -> list[str]:
        """Greedy or beam output of each row."""
        search = decode.greedy if decoding.beams == 1 else decode.beam
        return self._own.writing.detokenize(search(self._beginning, self._intercept, decoding))

    def score(self, candidates: Sequence[Sequence[str]]) -> Tensor:
        """Log-probability of each row's candidates, `(rows, most candidates)`, -inf where a row has fewer."""
        return decode.score(self._beginning, self._intercept, candidates)

    def _computing(self) -> AbstractContextManager[object]:
        return self._all.computing(self._view.values)

    def _kinds(self, modality: str) -> list["RowTokens"]:
        needs = self._all.needs_of(self._segment)
        if not any(need.what == "media" and need.view.values == self._view.values for need in needs):
            raise self._unnamed("media")
        kinds = self._all.media(self._view.values).of(self._alone)
        return [kind for kind in kinds if kind.media.modality == modality]

    @property
    def _rows(self) -> int:
        return self._segment.stop - self._segment.start

    @property
    def _alone(self) -> RowChoice:
        return RowChoice((self._segment,), len(self._all.batch.rows))

    @cached_property
    def _intercept(self) -> "Interceptor":
        return self._all.values.at_sites(self._view.values).narrow(self._segment.start, self._segment.stop)

    def _passes(self, what: str, stack: str = "") -> "tuple[Passes, slice]":
        """The passes in which something was made of these rows, and which rows of them they are.

        Raises:
            MultigraftError: nobody said that it is needed.
        """
        run = self._run(what, stack)
        if self._segment not in self._all.rows(self._view, run):
            raise self._unnamed(what)
        passes, rows = self._all.of(self._view, run)
        return passes, rows.local(self._segment).rows

    def _unnamed(self, what: str) -> MultigraftError:
        return MultigraftError(
            f"task {self._segment.task!r}: {what!r} of {self._view} is asked for, and no `needs` names it"
        )

    def _run(self, what: str, stack: str) -> Run:
        runs = runs_for(self._backbone, [what], self._all.split(self._view))
        if not stack:
            return runs[-1]
        return next(run for run in reversed(runs) if run[0] == stack)

    @cached_property
    def _beginning(self) -> "Continuation":
        if self._all.closed:
            raise MultigraftError("a loss that decodes cannot be used with `train.shard`")
        passes, rows = self._passes("beginning")
        begin = passes.beginning
        own = begin.narrow(torch.arange(rows.start, rows.stop, device=begin.hidden.device))
        return replace(own, backbone=self._own.writing)


class PairOutputs:
    """Other pairs of a segment's texts and media."""

    def __init__(self, passes: "Passes", all_passes: "BatchPasses", view: View) -> None:
        self._passes, self._all, self._view = passes, all_passes, view

    def summary(self) -> Tensor:
        """What heads read of each pair, `(pairs, width)`."""
        with self._all.computing(self._view.values):
            return self._passes.summary()

    def states(self, stack: str) -> Tokens:
        """The last states of a stack, `(pairs, tokens, width)`."""
        with self._all.computing(self._view.values):
            return self._passes.output(stack).tokens
