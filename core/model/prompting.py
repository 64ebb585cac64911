"""From a batch's media to its visual prompt: encode, arrange by row, generate, and set the rows side by side."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.graft.attachment import Graft, GraftModule, merged_segments
from multigraft.core.graft.graft_interceptor import GraftInterceptor
from multigraft.core.interfaces.backbone import Entrance
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.interceptor import NoGraft
from multigraft.core.interfaces.prompt import VisualTokens
from multigraft.core.interfaces.stack import Insert
from multigraft.core.types.batch import Batch, Segment, Visual
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.tokens import Tokens


class MediaPrompter:
    """The visual side of a model."""

    def __init__(
        self, encoder: VisualEncoder, prompt: GraftModule[nn.Module], graft: Graft, entrance: Entrance
    ) -> None:
        self.encoder, self.prompt, self.graft, self.entrance = encoder, prompt, graft, entrance
        self._encoder_is_grafted = any(site.name in graft.sites for site in encoder.sites())
        self._encoder_is_trained = any(parameter.requires_grad for parameter in encoder.parameters())

    def inserts(self, batch: Batch, intercept: GraftInterceptor) -> tuple[Insert, ...]:
        """What joins the backbone's tokens; nothing without media."""
        prompt, mask = self(batch, intercept)
        if prompt is None:
            return ()
        entrance, made = self.entrance, Tokens(prompt, mask)
        return (Insert(entrance.stack, entrance.layer, entrance.place, lambda states, ran: made),)

    def __call__(self, batch: Batch, intercept: GraftInterceptor) -> tuple[Tensor | None, Tensor | None]:
        """Prompt `(rows, prompts, width)` and its mask, each row's own prompts first; None without media."""
        rows = len(batch.samples)
        made = [_spread(visual, *self._generate(visual, intercept), rows) for visual in batch.visuals]
        if not made:
            return None, None
        return _compact(torch.cat([prompt for prompt, _ in made], 1), torch.cat([mask for _, mask in made], 1))

    def _generate(self, visual: Visual, intercept: GraftInterceptor) -> tuple[Tensor, Tensor]:
        tokens = arrange(visual, self._encode(visual, intercept), self.encoder.layout())
        if visual.features is not None:
            tokens = replace(tokens, tokens=tokens.tokens.float())
        pieces = []
        segments = subset(intercept.segments, visual.rows.tolist())
        for segment in merged_segments(self.prompt.identity, segments):
            part = replace(
                tokens,
                tokens=tokens.tokens[segment.rows],
                mask=tokens.mask[segment.rows],
                times=tokens.times[segment.rows],
            )
            values = self.prompt.values(self.graft.bank, segment.task)
            pieces.append(functional_call(self.prompt.module, values, (part, None)))
        return torch.cat([prompt for prompt, _ in pieces]), torch.cat([mask for _, mask in pieces])

    def _encode(self, visual: Visual, intercept: GraftInterceptor) -> Tensor:
        if visual.features is not None:
            return visual.features
        if visual.pixels is None:
            raise ValueError("media without pixels or features")
        if not self._encoder_is_grafted:
            with torch.set_grad_enabled(torch.is_grad_enabled() and self._encoder_is_trained):
                return self.encoder(visual.pixels, NoGraft())  # type: ignore[no-any-return]
        return self.encoder(visual.pixels, intercept.select(_pictures(visual, intercept.bounds)))  # type: ignore[no-any-return]


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
            picked.append(Segment(segment.task, start, start + count))
            start += count
    return picked


def _spread(visual: Visual, prompt: Tensor, mask: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    if len(visual.rows) == rows:
        return prompt, mask
    whole = prompt.new_zeros(rows, *prompt.shape[1:]).index_copy(0, visual.rows, prompt)
    return whole, mask.new_zeros(rows, mask.shape[1]).index_copy(0, visual.rows, mask)


def _compact(prompt: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Drop columns that are padding in every row, after moving each row's own prompts to its front."""
    longest = int(mask.sum(1).max())
    if longest == mask.shape[1]:
        return prompt, mask
    order = mask.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :longest]
    return prompt.gather(1, order[:, :, None].expand(-1, -1, prompt.shape[2])), mask.gather(1, order)
