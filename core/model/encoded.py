"""The media of a batch, encoded once for all that is made of them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.model.prompt_rows import RowTokens, arrange, item_bounds, items_of
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.interfaces.encoder import Encoder
    from multigraft.core.interfaces.interceptor import Interceptor
    from multigraft.core.interfaces.prompt import MediaTokens
    from multigraft.core.types.batch import Batch, MediaItems, Segment
    from multigraft.core.types.row_choice import RowChoice


class EncodedMedia:
    """Tokens of the media of some rows; encoded when first asked for.

    Args:
        encoders: by modality.
        rows: those that anything of media is needed for.
        intercept: what acts at the encoders' sites, for all rows of the batch.
    """

    def __init__(
        self,
        encoders: Mapping[str, "Encoder"],
        batch: "Batch",
        rows: "RowChoice",
        intercept: "Interceptor",
        segments: Sequence["Segment"],
    ) -> None:
        self._encoders, self._batch, self._rows = encoders, batch, rows
        self._intercept, self._segments = intercept, segments

    def of(self, rows: "RowChoice") -> list[RowTokens]:
        """What rows have, kind by kind; they are among those that were chosen."""
        own = rows.within(self._rows)
        found = (kind.of(own) for kind in self._kinds)
        return [kind for kind in found if kind is not None]

    @cached_property
    def _kinds(self) -> list[RowTokens]:
        chosen = (items_of(each, self._rows) for each in self._batch.media)
        return [RowTokens(each.numbers, self._encoded(each)) for each in chosen if each is not None]

    def _encoded(self, items: "MediaItems") -> "MediaTokens":
        encoder = self._encoders[items.modality]
        return arrange(items, self._run(encoder, items), encoder.layout())

    def _run(self, encoder: "Encoder", items: "MediaItems") -> Tokens:
        if items.features is not None:
            return Tokens(items.features.float(), items.mask)
        if items.arrays is None:
            raise ValueError("media without arrays or features")
        if not self._intercept.acts_at([site.name for site in encoder.sites()]):
            return _alone(encoder, items.arrays, items)
        bounds = item_bounds(items, self._rows.bounds(self._segments))
        return encoder.encode(items.arrays, items.mask, self._intercept.select(bounds))


def _alone(encoder: "Encoder", arrays: Tensor, items: "MediaItems") -> Tokens:
    """The tokens of an encoder that no adapter acts in; with a gradient where its own tensors are trained.

    Raises:
        MultigraftError: they are, and the tokens have none.
    """
    learns = torch.is_grad_enabled() and any(each.requires_grad for each in encoder.parameters())
    with torch.set_grad_enabled(learns):
        tokens = encoder.encode(arrays, items.mask, NoGraft())
    if learns and not tokens.states.requires_grad:
        raise MultigraftError(
            f"the {items.modality} encoder gives tokens without gradient, so `graft.train.encoder` cannot train it"
        )
    return tokens
