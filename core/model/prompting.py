"""From a batch to the prompts that join its texts: encode media, arrange by row, generate, set rows side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.graft.attachment import GraftModule, merged_segments
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.graft_interceptor import GraftInterceptor
from multigraft.core.interfaces.backbone import Entrance
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.prompt import PromptGenerator, VisualTokens
from multigraft.core.interfaces.stack import Insert
from multigraft.core.model.prompt_rows import (
    among,
    arrange,
    compact,
    for_rows,
    of_rows,
    pictures_of,
    spread,
)
from multigraft.core.types.batch import Batch, Segment, Visual, segments_of
from multigraft.core.types.tokens import Tokens


@dataclass(frozen=True)
class PlacedPrompt:
    """A prompt generator and where its tokens join a backbone's."""

    module: GraftModule[nn.Module]
    entrance: Entrance
    bank: Bank
    graft: str | None = None
    """Name of the graft whose rows get it; None where all rows are those of one graft."""

    def serves(self, segment: Segment) -> bool:
        """Whether the rows of a segment get it."""
        return self.graft is None or segment.graft == self.graft

    @property
    def generator(self) -> PromptGenerator:
        """The module, on the meta device."""
        assert isinstance(self.module.module, PromptGenerator)
        return self.module.module


class Prompter:
    """All prompts of a model, and the encoder whose tokens they read."""

    def __init__(self, prompts: Sequence[PlacedPrompt], encoder: VisualEncoder | None) -> None:
        self.prompts, self.encoder = tuple(prompts), encoder
        self._encoder_sites = [site.name for site in encoder.sites()] if encoder else []
        self._encoder_is_trained = encoder is not None and any(each.requires_grad for each in encoder.parameters())

    @property
    def generators(self) -> list[PromptGenerator]:
        """The prompt generators, on the meta device."""
        return [prompt.generator for prompt in self.prompts]

    def inserts(
        self, batch: Batch, intercept: GraftInterceptor, at_sites: Interceptor | None = None
    ) -> tuple[Insert, ...]:
        """What joins the backbone's tokens; a prompt of media joins nothing where no row has any.

        Args:
            at_sites: what acts at the encoder's sites, if not `intercept`, by which the prompts are made.
        """
        acting = at_sites or intercept
        encoded = (
            [self._visual_tokens(each, intercept.bounds, acting) for each in batch.visuals] if self.encoder else []
        )
        found = (self._insert(prompt, batch, encoded, intercept) for prompt in self.prompts)
        return tuple(insert for insert in found if insert is not None)

    def _insert(
        self, prompt: PlacedPrompt, batch: Batch, encoded: Sequence[VisualTokens], intercept: GraftInterceptor
    ) -> Insert | None:
        needs, entrance = prompt.generator.needs, prompt.entrance
        rows = [row for segment in intercept.segments if prompt.serves(segment) for row in segment.numbers]
        if not rows or ("media" in needs and not _have_media(batch, rows, encoded)):
            return None

        def make(text: Tokens | None) -> Tokens:
            if "media" in needs:
                return self._of_media(prompt, batch, encoded, text, intercept)
            return self._of_rows(prompt, intercept.segments, text)

        as_text = not needs
        if "text" in needs:
            return Insert(entrance.stack, entrance.layer, entrance.place, make, as_text)
        made = make(None)
        return Insert(entrance.stack, entrance.layer, entrance.place, lambda text: made, as_text)

    def _of_media(
        self,
        prompt: PlacedPrompt,
        batch: Batch,
        encoded: Sequence[VisualTokens],
        text: Tokens | None,
        intercept: GraftInterceptor,
    ) -> Tokens:
        """The prompts of all kinds of media side by side, each row's own first."""
        rows, made = len(batch.samples), []
        for visual, tokens in zip(batch.visuals, encoded, strict=True):
            segments = segments_of(intercept.segments, visual.rows.tolist())
            own = text and of_rows(text, visual.rows)
            if any(map(prompt.serves, segments)):
                made.append(spread(visual, self._of_rows(prompt, segments, own, tokens), rows))
        states = torch.cat([each.states for each in made], 1)
        return compact(states, torch.cat([each.real for each in made], 1))

    def _of_rows(
        self, prompt: PlacedPrompt, segments: Sequence[Segment], text: Tokens | None, media: VisualTokens | None = None
    ) -> Tokens:
        """A prompt with the values that the rows' owners hold; rows of other grafts get none."""
        module, pieces = prompt.module, []
        own = [segment for segment in segments if prompt.serves(segment)]
        for segment in merged_segments(module.identity, own):
            seen = media and replace(
                media,
                tokens=media.tokens[segment.rows],
                mask=media.mask[segment.rows],
                times=media.times[segment.rows],
            )
            values = module.values(prompt.bank, segment.task)
            made = functional_call(module.module, values, (seen, text and of_rows(text, segment.rows)))
            pieces.append(for_rows(made, segment.stop - segment.start))
        made = Tokens(torch.cat([each.states for each in pieces]), torch.cat([each.real for each in pieces]))
        return among(made, own[0].start, segments[-1].stop)

    def _visual_tokens(self, visual: Visual, bounds: Sequence[int], at_sites: Interceptor) -> VisualTokens:
        assert self.encoder is not None
        tokens = arrange(visual, self._encode(self.encoder, visual, bounds, at_sites), self.encoder.layout())
        return replace(tokens, tokens=tokens.tokens.float()) if visual.features is not None else tokens

    def _encode(self, encoder: VisualEncoder, visual: Visual, bounds: Sequence[int], at_sites: Interceptor) -> Tensor:
        if visual.features is not None:
            return visual.features
        if visual.pixels is None:
            raise ValueError("media without pixels or features")
        if not at_sites.acts_at(self._encoder_sites):
            with torch.set_grad_enabled(torch.is_grad_enabled() and self._encoder_is_trained):
                return encoder(visual.pixels, NoGraft())  # type: ignore[no-any-return]
        return encoder(visual.pixels, at_sites.select(pictures_of(visual, bounds)))  # type: ignore[no-any-return]


def _have_media(batch: Batch, rows: Sequence[int], encoded: Sequence[VisualTokens]) -> bool:
    own = set(rows)
    return bool(encoded) and any(row in own for visual in batch.visuals for row in visual.rows.tolist())
