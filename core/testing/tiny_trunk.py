"""A tiny trunk over bytes with random weights, over which objectives and evaluators are tried."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d
from torch.nn.utils.rnn import pad_sequence

from multigraft.core.interfaces.backbone import Backbone, Entrance
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.prompt import MediaTokens, PromptGenerator
from multigraft.core.interfaces.stack import Layer, LayerCache, LayerInputs, Seen, Stack
from multigraft.core.trunk.masks import self_attention_mask
from multigraft.core.types.arranged import Arranged, StackInput
from multigraft.core.types.batch import IGNORED
from multigraft.core.types.initial import normal
from multigraft.core.types.part import Initial
from multigraft.core.types.site import Site
from multigraft.core.types.tokens import AttentionCall, KeyValues, Tokens
from multigraft.core.types.transform import Transform
from multigraft.core.types.vocabulary import Vocabulary

WIDTH, FEATURES, SIZE = 8, 6, 4
"""Widths of the backbone and of the encoder, and the side of a picture."""
_PAD, _BEGIN, _END, _MASK, _FIRST = range(5)
_WORDS = _FIRST + 256


class _Layer(Layer):
    """Self-attention with one head."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.site = f"text.{number}.self-attention.memory"
        self.read, self.output = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """`(rows, tokens, width)` to the same."""
        query, key, value = (each[:, None] for each in self.read(x).chunk(3, -1))
        if cache is not None and cache.own is not None:
            key, value = torch.cat([cache.own.key, key], 2), torch.cat([cache.own.value, value], 2)
        call = AttentionCall(query, KeyValues(key, value), shared.mask)
        x = x + self.output(intercept.attention(self.site, call))
        return x, None if cache is None else LayerCache(call.memory)


class _Text(Stack):
    """Two layers over a text, and the target behind it where there is one."""

    name = "text"

    def __init__(self, predicts: bool) -> None:
        super().__init__()
        self.reads = "text+target" if predicts else "text"
        self.words, self.head = nn.Embedding(_WORDS, WIDTH), nn.Linear(WIDTH, _WORDS)
        self.layers = nn.ModuleList(_Layer(number) for number in range(2))

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """Words, with a code of their places."""
        words: Tensor = self.words(ids)
        return words + positions.clamp(min=0)[..., None].sin()

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """The mask."""
        return LayerInputs(self_attention_mask(tokens, past, causal=self.reads == "text+target"))


class TinyBackbone(Backbone):
    """A decoder of bytes, or an encoder that predicts no targets and has a token for a hidden word."""

    model: _Text
    width, norm, end, pad, entrance = WIDTH, nn.LayerNorm, _END, _PAD, Entrance("text", "front")

    def __init__(self, predicts: bool) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.model = _Text(predicts)
        self.predicts, self.summary = ("text", "begin") if predicts else (None, "first")
        self.requires_grad_(False)

    @property
    def vocabulary(self) -> Vocabulary:
        """Bytes and four ids."""
        return Vocabulary(_WORDS, _MASK, frozenset({_PAD, _BEGIN}))

    @property
    def stacks(self) -> Mapping[str, Stack]:
        """One."""
        return {"text": self.model}

    def sites(self) -> tuple[Site, ...]:
        """None."""
        return ()

    def word_table(self) -> Tensor:
        """`(words, width)`."""
        return self.model.words.weight

    def tokenize(self, texts: Sequence[str], limit: int | None = None) -> tuple[Tensor, Tensor]:
        """The beginning and the bytes."""
        ids = pad_sequence([torch.tensor([_BEGIN, *_bytes(text)][:limit]) for text in texts], True, IGNORED)
        return ids.masked_fill(ids == IGNORED, _PAD), ids != IGNORED

    def tokenize_targets(self, texts: Sequence[str], limit: int | None = None) -> Tensor:
        """The bytes and the end."""
        rows = [[*_bytes(text)[: None if limit is None else limit - 1], _END] for text in texts]
        return pad_sequence([torch.tensor(row) for row in rows], True, IGNORED)

    def detokenize(self, ids: Tensor) -> list[str]:
        """The bytes that are text."""
        rows = ids.tolist()
        return [bytes(word - _FIRST for word in row if word >= _FIRST).decode(errors="ignore") for row in rows]

    def arrange(self, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> Arranged:
        """The text, and behind it the target; padding between both is masked."""
        ids, real, places = text_ids, text_mask, text_mask.sum(1, keepdim=True) - 1
        if self.predicts is not None and target_ids is not None:
            ids = torch.cat([ids, target_ids[:, :-1]], 1)
            real = torch.cat([real, target_ids[:, 1:] != IGNORED], 1)
            behind = torch.arange(text_ids.shape[1], ids.shape[1], device=ids.device).expand(len(ids), -1)
            places = torch.cat([places, behind], 1)
        given = StackInput(ids.masked_fill(~real, _PAD), real, real.cumsum(1) - 1)
        return Arranged({"text": given}, places if self.predicts is not None else None)

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """`(..., words)`."""
        logits: Tensor = self.model.head(hidden)
        return logits

    def fingerprint(self) -> str:
        """It is never saved."""
        return "tiny"


class TinyEncoder(VisualEncoder):
    """Four tokens of a picture."""

    width, tokens, transform = FEATURES, 4, Transform(SIZE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def forward(self, pixels: Tensor, intercept: Interceptor) -> Tensor:
        """The mean colours of its quarters, twice."""
        quarters = adaptive_avg_pool2d(pixels.float() / 255, 2).flatten(2).transpose(1, 2)
        return torch.cat([quarters, quarters.square()], -1)

    def fingerprint(self) -> str:
        """It is never saved."""
        return "tiny"


class TinyPrompt(PromptGenerator):
    """A token for each picture."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(FEATURES, WIDTH)

    def forward(self, media: MediaTokens | None, text: Tokens | None) -> Tokens:
        """The mean of its tokens, in the backbone's width."""
        assert media is not None
        return Tokens(self.project(media.tokens.mean(2)), media.mask)

    def initial(self, parameter: str) -> Initial:
        """Small numbers."""
        return normal(0.1)


def _bytes(text: str) -> list[int]:
    return [_FIRST + byte for byte in text.encode()]
