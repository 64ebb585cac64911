"""The passes of a batch: each is made once, when first asked for, over the rows that need it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.model.encoded import EncodedMedia
from multigraft.core.model.pairing import PairedMedia, paired
from multigraft.core.model.prompting import PlacedPrompt, Prompts
from multigraft.core.trunk.narrowed import narrowed
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.trunk.runs import Run, runs_for
from multigraft.core.types.batch import Batch, Segment
from multigraft.core.types.need import Need, View
from multigraft.core.types.row import TARGET
from multigraft.core.types.row_choice import RowChoice

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.encoder import Encoder
    from multigraft.core.model.values import Values
    from multigraft.core.trunk.run_stack import StackOutput

SegmentNeeds = Mapping[Segment, Collection[Need]]
Wanted = Callable[[Need], bool]


@dataclass(frozen=True)
class TrunkParts:
    """What batches go through."""

    backbone: "Backbone"
    encoders: Mapping[str, "Encoder"]
    prompts: Sequence[PlacedPrompt]
    checkpointing: bool = False


class BatchPasses:
    """States of the rows of a batch.

    Args:
        needs: what is read of each segment.
        values: what acts at the sites, by `View.values`.
        split: as `Passes` has it, for every view.
    """

    def __init__(
        self, trunk: TrunkParts, batch: Batch, needs: SegmentNeeds, values: "Values", split: bool = False
    ) -> None:
        self.trunk, self.batch, self.values, self.backbone = trunk, batch, values, trunk.backbone
        self._needs, self._split = needs, split
        self._passes: dict[tuple[View, tuple[Segment, ...]], Passes] = {}
        self._prompts: dict[str, Prompts] = {}
        self._media: dict[str, EncodedMedia] = {}
        self.closed = False
        """Whether no further pass may be made."""

    def rows(self, view: View, run: Run) -> RowChoice:
        """The rows that a run is made over: those of all segments that need it."""
        return self._chosen(lambda need: need.view == view and run in self._runs_of(view, [need]))

    def of(self, view: View, run: Run) -> tuple[Passes, RowChoice]:
        """The passes that a run belongs to, and their rows."""
        rows = self.rows(view, run)
        key = view, rows.segments
        if key not in self._passes:
            self._passes[key] = self._make(view, rows)
        return self._passes[key], rows

    def runs(self) -> set[Run]:
        """The runs of the plain view that rows need; a single target token is predicted by the beginning alone."""
        view = View()
        needs = [need for own in self._needs.values() for need in own if need.view == view]
        single = self.batch.texts[TARGET].ids.shape[1] == 1
        return {run for run in self._runs_of(view, needs) if run[1] != "rest" or not single}

    def repaired(self, view: View, rows: RowChoice, texts: Tensor, media: Tensor) -> Passes:
        """Passes over other pairs of a segment's texts and media.

        Args:
            rows: the segment.
            texts: the row whose text a pair has, `(pairs,)`, numbered in the segment.
            media: the row whose media it has, `(pairs,)`.

        Raises:
            MultigraftError: some of the rows have media of a kind that others have not, or passes go in lockstep.
        """
        if self.closed:
            raise MultigraftError("a loss that pairs texts and media anew cannot be used with `train.shard`")
        segment, pairs, own = rows.segments[0], len(texts), self.texts(view, rows)
        bounds = [0]
        for each in self.batch.segments:
            bounds.append(bounds[-1] + (pairs if each == segment else 0))
        chosen = RowChoice((replace(segment, start=0, stop=pairs),), pairs)
        kinds = paired(self.media(view.values).of(rows), rows, media) if view.media else []
        training = self.values.at_sites(view.values).training
        prompts = Prompts(self.trunk.prompts, PairedMedia(kinds), chosen, training)
        return Passes(
            self.backbone,
            Texts(own.ids[texts], own.mask[texts], own.targets[texts]),
            self.values.at_sites(view.values).select(bounds),
            prompts.inserts(chosen, view.media),
            checkpoint=self.trunk.checkpointing,
            split=self.split(view),
        )

    def media(self, values: str) -> EncodedMedia:
        """The encoded media of the rows that need any, by the values that act in the encoder."""
        if values not in self._media:
            rows = self._chosen(lambda need: need.view.values == values and (need.view.media or need.what == "media"))
            intercept, segments = self.values.at_sites(values), self.batch.segments
            self._media[values] = EncodedMedia(self.trunk.encoders, self.batch, rows, intercept, segments)
        return self._media[values]

    def prompts(self, values: str) -> Prompts:
        """The prompts of all passes with these values."""
        if values not in self._prompts:
            rows = self._chosen(
                lambda need: need.view.values == values and need.view.media and need.what not in ("media", "pairs")
            )
            training = self.values.at_sites(values).training
            self._prompts[values] = Prompts(self.trunk.prompts, self.media(values), rows, training)
        return self._prompts[values]

    def computing(self, values: str) -> AbstractContextManager[object]:
        """The context in which passes with these values are made."""
        return self.values.computing(values)

    def needs_of(self, segment: Segment) -> Collection[Need]:
        """What is read of a segment."""
        return self._needs.get(segment, ())

    def split(self, view: View) -> bool:
        """Whether the targets of a view are read as a continuation of the beginning."""
        behind = (self.backbone.predicts, "back")
        return self._split or any(
            (prompt.entrance.stack, prompt.entrance.place) == behind
            and (view.media or "media" not in prompt.generator.needs)
            for prompt in self.trunk.prompts
        )

    def texts(self, view: View, rows: RowChoice) -> Texts:
        """Input texts and targets of rows.

        Raises:
            MultigraftError: no row has a text of this name.
        """
        if view.text not in self.batch.texts:
            raise MultigraftError(f"an objective reads the text {view.text!r}, and `prepare` gave no row such a text")
        text, target = self.batch.texts[view.text], self.batch.texts[TARGET]
        return Texts(rows.take(text.ids), rows.take(text.mask), rows.take(target.ids))

    def _chosen(self, wanted: Wanted) -> RowChoice:
        segments = self.batch.segments
        own = tuple(each for each in segments if any(wanted(need) for need in self._needs.get(each, ())))
        return RowChoice(own, len(self.batch.rows))

    def _runs_of(self, view: View, needs: Collection[Need]) -> tuple[Run, ...]:
        return runs_for(self.backbone, {need.what for need in needs}, self.split(view))

    def _make(self, view: View, rows: RowChoice) -> Passes:
        bounds, intercept = rows.bounds(self.batch.segments), self.values.at_sites(view.values)
        return Passes(
            self.backbone,
            self.texts(view, rows),
            intercept if rows.count == rows.rows else intercept.select(bounds),
            self.prompts(view.values).inserts(rows, view.media),
            checkpoint=self.trunk.checkpointing,
            split=self.split(view),
            elsewhere=lambda run: self._of_more_rows(view, run, rows),
        )

    def _of_more_rows(self, view: View, run: Run, rows: RowChoice) -> "StackOutput | None":
        """What a run gives that is made over more rows than these; None where it is made over these."""
        passes, more = self.of(view, run)
        if more.segments == rows.segments:
            return None
        return narrowed(passes.output(run[0], run[1] == "beginning"), rows.within(more))
