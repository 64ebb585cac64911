"""`byte-decoder`: a decoder-only transformer over bytes, without places (Kazemnejad et al. 2023)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from multigraft import IGNORED, Backbone, Interceptor, Site, hash_tensors
from multigraft import stacks as st
from multigraft_sample.options import ByteDecoderOptions

PAD, BEGIN, END, FIRST_BYTE = range(4)
HEADS = ("query", "key", "value")
BLOCKS = dict.fromkeys((*HEADS, "output"), "self-attention") | dict.fromkeys(("up", "down"), "feed-forward")


class ByteLayer(st.Layer):
    """Whatever has a site is run by `intercept`, under the site's name; the cache keeps keys and values."""

    def __init__(self, number: int, width: int, heads: int) -> None:
        super().__init__()
        self.at, self.heads, wide = f"decoder.{number}", heads, {"up": (width, 4 * width), "down": (4 * width, width)}
        self.maps = nn.ModuleDict({name: nn.Linear(*wide.get(name, (width, width))) for name in BLOCKS})
        self.norms = nn.ModuleDict({block: nn.LayerNorm(width) for block in BLOCKS.values()})

    def forward(self, x: Tensor, shared: st.LayerInputs, cache: st.LayerCache | None, intercept: Interceptor) -> tuple:
        query, *new = (self._map(name, x, intercept).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in HEADS)
        if cache and cache.own:
            new = [torch.cat(pair, 2) for pair in zip((cache.own.key, cache.own.value), new, strict=True)]
        call = st.AttentionCall(query, st.KeyValues(*new), shared.mask)
        mixed = self._map("output", intercept.attention(f"{self.at}.self-attention.memory", call), intercept)
        x = x + intercept.block(f"{self.at}.self-attention", x, mixed)
        x = intercept.norm(f"{self.at}.self-attention.norm", self.norms["self-attention"], x)
        output = self._map("down", nn.functional.gelu(self._map("up", x, intercept)), intercept)
        x = x + intercept.block(f"{self.at}.feed-forward", x, output)
        x = intercept.norm(f"{self.at}.feed-forward.norm", self.norms["feed-forward"], x)
        return x, cache and st.LayerCache(call.memory)

    def _map(self, name: str, x: Tensor, intercept: Interceptor) -> Tensor:
        return intercept.linear(f"{self.at}.{BLOCKS[name]}.{name}", st.Projection(self.maps[name]), x)


class ByteStack(st.Stack):
    """One stack reads the text and, right behind it, the target."""

    name, reads = "decoder", "text+target"

    def __init__(self, options: ByteDecoderOptions) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(259, options.width), nn.Linear(options.width, 259, bias=False)
        self.layers = nn.ModuleList(ByteLayer(each, options.width, options.heads) for each in range(options.layers))

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        return self.words(ids)

    def shared(
        self, tokens: st.Tokens, memory: st.Tokens | None, past: st.Seen | None, intercept: Interceptor
    ) -> st.LayerInputs:
        return st.LayerInputs(st.self_attention_mask(tokens, past, causal=True))


class ByteDecoder(Backbone):
    """A text is BEGIN and its bytes; a target its bytes and END. A visual prompt comes in front and has no place."""

    norm, end, pad, predicts, entrance = nn.LayerNorm, END, PAD, "decoder", st.Entrance("decoder", "front")

    def __init__(self, options: ByteDecoderOptions) -> None:
        super().__init__()
        self.options, self.width, self.model = options, options.width, ByteStack(options)

    @property
    def stacks(self) -> Mapping[str, st.Stack]:
        return {"decoder": self.model}

    def sites(self) -> tuple[Site, ...]:
        wide, heads = (self.width, self.width), (self.options.heads, self.options.heads)
        found = []
        for number, layer in enumerate(self.model.layers):
            own, at = ("decoder", number), f"layers.{number}"
            found += [Site(*own, block, "block", None, *wide, at) for block in layer.norms]
            found += [Site(*own, block, "norm", "norm", *wide, f"{at}.norms.{block}") for block in layer.norms]
            for name, one in layer.maps.items():
                found.append(Site(*own, BLOCKS[name], "projection", name, *one.weight.shape[::-1], f"{at}.maps.{name}"))
            found += [Site(*own, "self-attention", "attention", "memory", *wide, at, *heads, self.width // heads[0])]
        return tuple(found)

    def word_table(self) -> Tensor:
        return self.model.words.weight

    def tokenize(self, texts: Sequence[str], limit: int | None = None) -> tuple[Tensor, Tensor]:
        rows = [torch.tensor([BEGIN, *(FIRST_BYTE + byte for byte in text.encode())][:limit]) for text in texts]
        ids = nn.utils.rnn.pad_sequence(rows, True, IGNORED)
        return ids.masked_fill(ids == IGNORED, PAD), ids != IGNORED

    def tokenize_targets(self, texts: Sequence[str], limit: int | None = None) -> Tensor:
        rows = [[FIRST_BYTE + byte for byte in text.encode()][: limit and limit - 1] for text in texts]
        return nn.utils.rnn.pad_sequence([torch.tensor([*row, END]) for row in rows], True, IGNORED)

    def detokenize(self, ids: Tensor) -> list[str]:
        return [bytes(each - FIRST_BYTE for each in row if each > END).decode(errors="ignore") for row in ids.tolist()]

    def arrange(self, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> st.Arranged:
        ids, real, places = text_ids, text_mask, text_mask.sum(1, keepdim=True) - 1
        if target_ids is not None:
            ids, real = torch.cat([ids, target_ids[:, :-1]], 1), torch.cat([real, target_ids[:, 1:] != IGNORED], 1)
            rest = torch.arange(text_ids.shape[1], ids.shape[1], device=ids.device).expand(len(ids), -1)
            places = torch.cat([places, rest], 1)
        return st.Arranged({"decoder": st.StackInput(ids.masked_fill(~real, PAD), real, real.cumsum(1) - 1)}, places)

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        return self.model.head(hidden)

    def fingerprint(self) -> str:
        return f"byte-decoder:{'meta' if self.word_table().is_meta else hash_tensors(self.model.parameters())}"


def build(options: ByteDecoderOptions) -> ByteDecoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return ByteDecoder(options).eval().requires_grad_(False)
