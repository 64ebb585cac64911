"""`linear`: Norm(Linear(feature)) + Norm(Linear(box)) + image order + object order (VL-Adapter, section 3; VL-T5).

A box is (x1, x2, y1, y2) with its area behind it, in shares of the picture.
"""

from math import isqrt

import torch
from torch import Tensor, nn

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.part import Initial, normal, ones, zeros
from multigraft.core.interfaces.prompt import PromptGenerator, PromptShape, VisualTokens
from multigraft.plugins.prompts.options import LinearOptions
from multigraft.plugins.prompts.pooling import pool_frames, pool_tokens

_STD = 0.02


class LinearPrompt(PromptGenerator):
    """One prompt token for each pooled visual token."""

    def __init__(self, options: LinearOptions, shape: PromptShape) -> None:
        super().__init__()
        self.options, self.word_table = options, _Holder(shape.word_table)
        self.feature = nn.Linear(shape.feature_width, shape.width)
        self.feature_norm = shape.norm(shape.width)
        if options.boxes != "none":
            self.box = nn.Linear(5, shape.width)
            self.box_norm = shape.norm(shape.width)
        self.image_order = nn.Embedding(options.images, shape.width)
        if options.position != "words":
            places = max(options.tokens, options.frames * options.frame_tokens)
            self.object_order = nn.Embedding(places, shape.width)

    def forward(self, visual: VisualTokens, text_state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Visual tokens to `(rows, prompts, width)` and mask `(rows, prompts)`.

        Raises:
            MultigraftError: a sample has more images than the recipe allows.
        """
        if visual.kind == "image" and visual.tokens.shape[1] > self.options.images:
            raise MultigraftError(
                f"a sample has {visual.tokens.shape[1]} images, and `trunk.prompt.images` is {self.options.images}"
            )
        pooled, mask = self._pool(visual)
        rows, pictures, count, _ = pooled.shape
        x = self.feature_norm(self.feature(pooled))
        if self.options.boxes != "none":
            x = x + self.box_norm(self.box(self._boxes(count, x.device).to(x.dtype)))
        orders = torch.arange(pictures, device=x.device)
        if visual.kind == "video":
            orders = torch.zeros_like(orders)
        x = x + self.image_order(orders)[:, None, :]
        x = x + self._object_codes(visual.kind, pictures, count, x.device)
        return x.flatten(1, 2), mask[:, :, None].expand(rows, pictures, count).flatten(1)

    def initial(self, parameter: str) -> Initial:
        """Linear layers and tables N(0, 0.02), norms one and zero."""
        if parameter.endswith("bias"):
            return zeros
        return ones if "norm" in parameter else normal(_STD)

    def frozen(self, parameter: str) -> bool:
        """The place code, where the recipe says so."""
        return parameter.startswith("object_order") and self.options.position == "random"

    def _pool(self, visual: VisualTokens) -> tuple[Tensor, Tensor]:
        how = self.options.pool
        if visual.kind == "video":
            tokens, mask = pool_frames(visual.tokens, visual.mask, self.options.frames, how)
            return pool_tokens(tokens, min(self.options.frame_tokens, tokens.shape[2]), how), mask
        return pool_tokens(visual.tokens, min(self.options.tokens, visual.tokens.shape[2]), how), visual.mask

    def _boxes(self, count: int, device: torch.device) -> Tensor:
        if self.options.boxes == "zero" or isqrt(count) ** 2 != count:
            return torch.zeros(count, 5, device=device)
        side = isqrt(count)
        edges = torch.arange(side, device=device) / side
        y, x = (axis.flatten() for axis in torch.meshgrid(edges, edges, indexing="ij"))
        step = 1 / side
        return torch.stack([x, x + step, y, y + step, torch.full_like(x, step * step)], dim=-1)

    def _object_codes(self, kind: str, pictures: int, count: int, device: torch.device) -> Tensor:
        """Codes of the tokens' places, `(pictures, count, width)`: counted anew in each image, on over all frames."""
        numbers = torch.arange(pictures * count, device=device).view(pictures, count)
        if kind == "image":
            numbers = numbers % count
        if self.options.position != "words":
            return self.object_order(numbers)  # type: ignore[no-any-return]
        table = self.word_table.value
        return table[table.shape[0] - 1 - numbers]


class _Holder:
    """Keeps the trunk's word table out of this module's own parameters."""

    def __init__(self, value: Tensor | None) -> None:
        self._value = value

    @property
    def value(self) -> Tensor:
        if self._value is None:
            raise ValueError("`position: words` needs a backbone with a word table")
        return self._value


def build(options: LinearOptions, shape: PromptShape) -> LinearPrompt:
    """The prompt generator of a recipe."""
    return LinearPrompt(options, shape)
