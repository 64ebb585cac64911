"""Texts to ids and back, with the special tokens of a backbone's family."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from multigraft import IGNORED


class TextCodec:
    """A transformers tokenizer whose special tokens are put on by us.

    Args:
        tokenizer: any transformers tokenizer.
        begin: ids before every text.
        end: ids behind every text.
        pad: id that fills up.
    """

    def __init__(self, tokenizer: Any, begin: Sequence[int], end: Sequence[int], pad: int) -> None:
        self.tokenizer, self.begin, self.end, self.pad = tokenizer, list(begin), list(end), pad
        self._lock = Lock()
        """A fast tokenizer is written to when it is used."""

    def encode(self, texts: Sequence[str], limit: int | None, fill: int) -> Tensor:
        """Ids `(texts, tokens)`, filled up at the end; a text longer than `limit` loses its last tokens."""
        rows = self.tokens(texts)
        room = None if limit is None else max(limit - len(self.begin) - len(self.end), 0)
        framed = [torch.tensor([*self.begin, *row[:room], *self.end]) for row in rows]
        return torch.nn.utils.rnn.pad_sequence(framed, batch_first=True, padding_value=fill)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text as it stands."""
        with self._lock:
            return self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]  # type: ignore[no-any-return]

    def inputs(self, texts: Sequence[str], limit: int | None) -> tuple[Tensor, Tensor]:
        """Ids and mask of input texts, `(texts, tokens)`."""
        marked = self.encode(texts, limit, IGNORED)
        mask = marked != IGNORED
        return marked.masked_fill(~mask, self.pad), mask

    def decode(self, ids: Tensor) -> list[str]:
        """Texts without special tokens, and without ids that the tokenizer does not have."""
        known = ids.masked_fill(ids == IGNORED, self.pad)
        rows = [[each for each in row if each < len(self.tokenizer)] for row in known.tolist()]
        with self._lock:
            return [self.tokenizer.decode(row, skip_special_tokens=True).strip() for row in rows]
