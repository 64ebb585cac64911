"""From encoded media and texts to the prompts that join a backbone's tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.graft.attachment import GraftModule, merged_segments
from multigraft.core.graft.bank import Bank
from multigraft.core.interfaces.backbone import Entrance
from multigraft.core.interfaces.prompt import MediaTokens, PromptGenerator
from multigraft.core.interfaces.stack import Insert
from multigraft.core.model.prompt_rows import RowTokens, for_rows, of_numbers, of_slice, side_by_side
from multigraft.core.types.batch import Segment
from multigraft.core.types.preparation import VISUAL
from multigraft.core.types.row_choice import RowChoice
from multigraft.core.types.tokens import Tokens


@dataclass(frozen=True)
class PlacedPrompt:
    """A prompt generator and where its tokens join a backbone's."""

    module: GraftModule[nn.Module]
    entrance: Entrance
    bank: Bank
    graft: str | None = None
    """Name of the graft whose rows get it; None where all rows are those of one graft."""
    modality: str = VISUAL
    """Whose tokens it is made of, if it is made of media."""
    tasks: frozenset[str] | None = None
    """The tasks whose rows get it; None for all."""
    place: tuple[str | int, ...] = ()
    """Where the recipe has it."""

    def serves(self, segment: Segment) -> bool:
        """Whether the rows of a segment get it."""
        return (self.graft is None or segment.graft == self.graft) and self.joins(segment.task)

    def joins(self, task: str) -> bool:
        """Whether the rows of a task get it."""
        return self.tasks is None or task in self.tasks

    @property
    def generator(self) -> PromptGenerator:
        """The module, on the meta device."""
        assert isinstance(self.module.module, PromptGenerator)
        return self.module.module

    def of_rows(
        self,
        segments: Sequence[Segment],
        training: bool,
        text: Tokens | None = None,
        media: MediaTokens | None = None,
    ) -> Tokens:
        """A prompt with the values that the rows' owners hold; rows of other grafts get none.

        Args:
            training: whether the generator drops what it drops in training.
        """
        pieces = []
        self.module.module.train(training)
        own = [segment for segment in segments if self.serves(segment)]
        for segment in merged_segments(self.module.identity, own):
            seen = media and media.of(lambda x: x[segment.rows])  # noqa: B023 - used at once
            values = self.module.values(self.bank, segment.task)
            made = functional_call(self.module.module, values, (seen, text and of_slice(text, segment.rows)))
            pieces.append(for_rows(made, segment.stop - segment.start))
        made = Tokens(torch.cat([each.states for each in pieces]), torch.cat([each.real for each in pieces]))
        numbers = [row for segment in own for row in range(segment.start, segment.stop)]
        return side_by_side([(numbers, made)], segments[-1].stop)

    def of_media(
        self, kinds: Sequence[RowTokens], segments: Sequence[Segment], training: bool, text: Tokens | None = None
    ) -> Tokens:
        """The prompts of all kinds of media, each row's own first."""
        made = []
        for kind in self.readable(kinds):
            own = kind.segments_of(segments)
            if any(map(self.serves, own)):
                made.append(
                    (kind.numbers, self.of_rows(own, training, text and of_numbers(text, kind.numbers), kind.media))
                )
        return side_by_side(made, segments[-1].stop)

    def marked(self, states: Tensor, kinds: Sequence[RowTokens], segments: Sequence[Segment]) -> Tensor:
        """The states that the prompts join, `(rows, tokens, width)`, marked in the rows that get one."""
        pieces, before = [], 0
        for segment in merged_segments(self.module.identity, [each for each in segments if self.serves(each)]):
            values = {f"generator.{name}": each for name, each in self.module.values(self.bank, segment.task).items()}
            own = states[segment.rows]
            made = functional_call(_Marking(self.generator), values, (own,))
            getting = self._getting(kinds, segment)
            if not all(getting):
                made = torch.where(torch.tensor(getting, device=own.device)[:, None, None], made, own)
            pieces += [states[before : segment.start], made]
            before = segment.stop
        return torch.cat([*pieces, states[before:]])

    def _getting(self, kinds: Sequence[RowTokens], segment: Segment) -> list[bool]:
        """Which rows of a segment get a prompt."""
        having = {number for kind in self.readable(kinds) for number in kind.numbers}
        of_media = "media" in self.generator.needs
        return [not of_media or row in having for row in range(segment.start, segment.stop)]

    def is_made_of(self, kinds: Sequence[RowTokens], segments: Sequence[Segment]) -> bool:
        """Whether some row that it serves has any of the media."""
        return any(self.serves(own) for kind in self.readable(kinds) for own in kind.segments_of(segments))

    def readable(self, kinds: Sequence[RowTokens]) -> list[RowTokens]:
        """Those of its modality."""
        return [kind for kind in kinds if kind.media.modality == self.modality]


class _Marking(nn.Module):
    """A generator that is called to mark states."""

    def __init__(self, generator: PromptGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, states: Tensor) -> Tensor:
        """`(rows, tokens, width)` to the same."""
        return self.generator.mark(states)


class MediaOfRows(Protocol):
    """Encoded media, kind by kind."""

    def of(self, rows: RowChoice) -> Sequence[RowTokens]:
        """What rows have."""
        ...


class Prompts:
    """The prompts of some rows of a batch; those without text are made once for all passes.

    Args:
        rows: of all passes that media join.
        training: whether generators drop what they drop in training.
    """

    def __init__(
        self, prompts: Sequence[PlacedPrompt], media: MediaOfRows, rows: RowChoice, training: bool = False
    ) -> None:
        self._prompts, self._media, self._rows, self._training = prompts, media, rows, training
        self._made: dict[int, Tokens] = {}

    def inserts(self, rows: RowChoice, with_media: bool) -> tuple[Insert, ...]:
        """What joins the tokens of a pass; a prompt of media joins nothing where no row has any."""
        found = (self._insert(number, rows, with_media) for number in range(len(self._prompts)))
        return tuple(insert for insert in found if insert is not None)

    def _insert(self, number: int, rows: RowChoice, with_media: bool) -> Insert | None:
        prompt = self._prompts[number]
        needs, entrance, segments = prompt.generator.needs, prompt.entrance, local_segments(rows)
        of_media = "media" in needs
        if not any(map(prompt.serves, segments)) or (of_media and not with_media):
            return None
        if of_media and not prompt.is_made_of(self._media.of(rows), segments):
            return None

        def make(text: Tokens | None) -> Tokens:
            if "text" in needs:
                if of_media:
                    return prompt.of_media(self._media.of(rows), segments, self._training, text)
                return prompt.of_rows(segments, self._training, text)
            return self._of_media(number, rows) if of_media else prompt.of_rows(segments, self._training)

        def mark(states: Tensor) -> Tensor:
            return prompt.marked(states, self._media.of(rows) if of_media else (), segments)

        marking = mark if prompt.generator.marks else None
        return Insert(entrance.stack, entrance.layer, entrance.place, make, as_text=not needs, mark=marking)

    def _of_media(self, number: int, rows: RowChoice) -> Tokens:
        if number not in self._made:
            kinds = self._media.of(self._rows)
            self._made[number] = self._prompts[number].of_media(kinds, local_segments(self._rows), self._training)
        return rows.within(self._rows).take_tokens(self._made[number])


def local_segments(rows: RowChoice) -> list[Segment]:
    """The chosen segments, numbered among the chosen rows."""
    return [rows.local(segment) for segment in rows.segments]
