"""From a batch to the prompts that join its texts: encode media, arrange by row, generate, set rows side by side."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.graft.attachment import Graft, GraftModule, merged_segments
from multigraft.core.graft.graft_interceptor import GraftInterceptor
from multigraft.core.interfaces.backbone import Entrance
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.prompt import PromptGenerator, VisualTokens
from multigraft.core.interfaces.stack import Insert
from multigraft.core.types.batch import Batch, Segment, Visual
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.tokens import Tokens


@dataclass(frozen=True)
class PlacedPrompt:
    """A prompt generator and where its tokens join a backbone's."""

    module: GraftModule[nn.Module]
    entrance: Entrance

    @property
    def generator(self) -> PromptGenerator:
        """The module, on the meta device."""
        assert isinstance(self.module.module, PromptGenerator)
        return self.module.module


class Prompter:
    """All prompts of a model, and the encoder whose tokens they read."""

    def __init__(self, prompts: Sequence[PlacedPrompt], encoder: VisualEncoder | None, graft: Graft) -> None:
        self.prompts, self.encoder, self.graft = tuple(prompts), encoder, graft
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
        if "media" in needs and not encoded:
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
            segments = subset(intercept.segments, visual.rows.tolist())
            own = text and _of_rows(text, visual.rows)
            made.append(_spread(visual, self._of_rows(prompt, segments, own, tokens), rows))
        states = torch.cat([each.states for each in made], 1)
        return _compact(states, torch.cat([_mask(each) for each in made], 1))

    def _of_rows(
        self, prompt: PlacedPrompt, segments: Sequence[Segment], text: Tokens | None, media: VisualTokens | None = None
    ) -> Tokens:
        """A prompt with the values that the rows' owners hold."""
        module, pieces = prompt.module, []
        for segment in merged_segments(module.identity, segments):
            own = media and replace(
                media,
                tokens=media.tokens[segment.rows],
                mask=media.mask[segment.rows],
                times=media.times[segment.rows],
            )
            values = module.values(self.graft.bank, segment.task)
            made = functional_call(module.module, values, (own, text and _of_rows(text, segment.rows)))
            pieces.append(_for_rows(made, segment.stop - segment.start))
        return Tokens(torch.cat([each.states for each in pieces]), torch.cat([_mask(each) for each in pieces]))

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
        return encoder(visual.pixels, at_sites.select(_pictures(visual, bounds)))  # type: ignore[no-any-return]


def _pictures(visual: Visual, bounds: Sequence[int]) -> list[int]:
    """The bounds of the segments among the pictures."""
    rows = visual.rows[visual.slot].tolist()
    return [bisect_left(rows, bound) for bound in bounds]


def arrange(visual: Visual, tokens: Tensor, layout: TokenLayout | None = None) -> VisualTokens:
    """Pictures laid end to end, `(pictures, tokens, width)`, to rows filled up with empty pictures at their end."""
    rows, most = len(visual.rows), int(visual.order.max()) + 1
    place = (visual.slot, visual.order)
    laid = tokens.new_zeros(rows * most, *tokens.shape[1:])
    arranged = laid.index_copy_(0, visual.slot * most + visual.order, tokens).view(rows, most, *tokens.shape[1:])
    mask = torch.zeros(rows, most, dtype=torch.bool, device=tokens.device)
    times = torch.zeros(rows, most, device=tokens.device)
    mask[place], times[place] = True, visual.times.to(times.dtype)
    return VisualTokens(arranged, mask, times, visual.kind, layout)


def subset(segments: Sequence[Segment], rows: Sequence[int]) -> list[Segment]:
    """The segments of some of a batch's rows, numbered among these."""
    picked: list[Segment] = []
    start = 0
    for segment in segments:
        count = sum(segment.start <= row < segment.stop for row in rows)
        if count:
            picked.append(replace(segment, start=start, stop=start + count))
            start += count
    return picked


def _of_rows(tokens: Tokens, rows: Tensor | slice) -> Tokens:
    mask, positions = tokens.mask, tokens.positions
    return Tokens(tokens.states[rows], None if mask is None else mask[rows], positions)


def _for_rows(made: Tokens, rows: int) -> Tokens:
    """One row for all, or a row each."""
    if made.states.shape[0] == rows:
        return made
    return Tokens(made.states.expand(rows, -1, -1), None if made.mask is None else made.mask.expand(rows, -1))


def _mask(tokens: Tokens) -> Tensor:
    if tokens.mask is not None:
        return tokens.mask
    return torch.ones(tokens.states.shape[:2], dtype=torch.bool, device=tokens.states.device)


def _spread(visual: Visual, made: Tokens, rows: int) -> Tokens:
    """The prompts of the rows that have such media among all rows."""
    if len(visual.rows) == rows:
        return made
    states, mask = made.states, _mask(made)
    whole = states.new_zeros(rows, *states.shape[1:]).index_copy(0, visual.rows, states)
    return Tokens(whole, mask.new_zeros(rows, mask.shape[1]).index_copy(0, visual.rows, mask))


def _compact(prompt: Tensor, mask: Tensor) -> Tokens:
    """Drop columns that are padding in every row, after moving each row's own prompts to its front."""
    longest = int(mask.sum(1).max())
    if longest == mask.shape[1]:
        return Tokens(prompt, mask)
    order = mask.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :longest]
    return Tokens(prompt.gather(1, order[:, :, None].expand(-1, -1, prompt.shape[2])), mask.gather(1, order))
