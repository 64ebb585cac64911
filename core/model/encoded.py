"""The media of a batch, encoded once for all that is made of them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.prompt import VisualTokens
from multigraft.core.model.prompt_rows import RowTokens, arrange, item_bounds, items_of
from multigraft.core.types.batch import Batch, MediaItems, Segment
from multigraft.core.types.row_choice import RowChoice


class EncodedMedia:
    """Tokens of the media of some rows; encoded when first asked for.

    Args:
        rows: those that anything of media is needed for.
        intercept: what acts at the encoder's sites, for all rows of the batch.
    """

    def __init__(
        self,
        encoder: VisualEncoder | None,
        batch: Batch,
        rows: RowChoice,
        intercept: Interceptor,
        segments: Sequence[Segment],
    ) -> None:
        self._encoder, self._batch, self._rows = encoder, batch, rows
        self._intercept, self._segments = intercept, segments

    def of(self, rows: RowChoice) -> list[RowTokens]:
        """What rows have, kind by kind; they are among those that were chosen."""
        own = rows.within(self._rows)
        found = (kind.of(own) for kind in self._kinds)
        return [kind for kind in found if kind is not None]

    @cached_property
    def _kinds(self) -> list[RowTokens]:
        if self._encoder is None:
            return []
        chosen = (items_of(each, self._rows) for each in self._batch.media)
        return [RowTokens(each.numbers, self._encoded(self._encoder, each)) for each in chosen if each is not None]

    def _encoded(self, encoder: VisualEncoder, items: MediaItems) -> VisualTokens:
        tokens = arrange(items, self._run(encoder, items), encoder.layout())
        return replace(tokens, tokens=tokens.tokens.float()) if items.features is not None else tokens

    def _run(self, encoder: VisualEncoder, items: MediaItems) -> Tensor:
        if items.features is not None:
            return items.features
        if items.arrays is None:
            raise ValueError("media without arrays or features")
        if not self._intercept.acts_at([site.name for site in encoder.sites()]):
            trained = any(each.requires_grad for each in encoder.parameters())
            with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
                return encoder(items.arrays, NoGraft())  # type: ignore[no-any-return]
        bounds = item_bounds(items, self._rows.bounds(self._segments))
        return encoder(items.arrays, self._intercept.select(bounds))  # type: ignore[no-any-return]
