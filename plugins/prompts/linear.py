"""`linear`: Norm(Linear(feature)) + Norm(Linear(box)) + image order + object order (VL-Adapter, section 3; VL-T5).

A box is (x1, x2, y1, y2) with its area behind it, in shares of the picture. Only cells of a grid have one: class and
register tokens stand beside the grid, and are neither pooled with it nor given a box.
"""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from multigraft import Initial, MediaTokens, MultigraftError, PromptGenerator, PromptShape, TokenLayout
from multigraft.init import normal, ones, zeros
from multigraft.plugins.prompts.masked_pooling import pool_frames, pool_masked
from multigraft.plugins.prompts.options import LinearOptions
from multigraft.plugins.prompts.pooling import Pooled, plan_pooling, pool_tokens
from multigraft.stacks import Tokens

_STD = 0.02
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Prompt:
    """Pooled tokens of some rows."""

    tokens: Tensor
    """`(rows, pictures, front + cells, width)`."""
    mask: Tensor
    """`(rows, pictures, front + cells)`."""
    front: int
    cells: Pooled


class LinearPrompt(PromptGenerator):
    """One prompt token for each pooled visual token."""

    def __init__(self, options: LinearOptions, shape: PromptShape) -> None:
        super().__init__()
        self.options, self.word_table = options, _Holder(shape.word_table)
        self.sees = options.modality == "visual"
        self.feature = nn.Linear(shape.feature_width, shape.width)
        self.feature_norm = shape.norm(shape.width)
        if options.boxes != "none":
            self.box = nn.Linear(5, shape.width)
            self.box_norm = shape.norm(shape.width)
        self.image_order = nn.Embedding(options.images, shape.width)
        self.layout = layout = shape.layout or TokenLayout.unsaid(shape.tokens)
        if options.position != "words":
            places = max(options.tokens + self._front(layout), self._most_of_video())
            self.object_order = nn.Embedding(places, shape.width)
        if options.boxes == "grid" and plan_pooling(layout, options.tokens).grid is None:
            _log.warning("`trunk.prompt.boxes: grid`: %s", _why_no_boxes(layout, options.tokens))

    def forward(self, media: MediaTokens | None, text: Tokens | None) -> Tokens:
        """Visual tokens to `(rows, prompts, width)` and mask `(rows, prompts)`; of each picture class and register
        tokens first, if they are kept, then its cells row by row.

        Raises:
            MultigraftError: a sample has more images, or clips of sound, than the recipe allows.
        """
        visual = _given(media)
        if not self._is_video(visual.kind) and visual.tokens.shape[1] > self.options.images:
            told = f"a sample has {visual.tokens.shape[1]} {visual.kind}s, and `images` of the {visual.modality} prompt"
            raise MultigraftError(f"{told} generator, which limits all but videos, is {self.options.images}")
        pooled = self._pool(visual)
        _, pictures, count, _ = pooled.tokens.shape
        x = self._with_boxes(self.feature_norm(self.feature(pooled.tokens)), pooled)
        orders = torch.arange(pictures, device=x.device)
        if self._is_video(visual.kind):
            orders = torch.zeros_like(orders)
        x = x + self.image_order(orders)[:, None, :]
        x = x + self._object_codes(visual.kind, pictures, count, x.device)
        return Tokens(x.flatten(1, 2), pooled.mask.flatten(1))

    def most_tokens(self) -> int:
        """Tokens of the most images or clips, or of the most frames."""
        return max(self.options.images * (self.options.tokens + self._front(self.layout)), self._most_of_video())

    def most_images(self) -> int:
        """As the recipe says."""
        return self.options.images

    def unused(self, kinds: Collection[str]) -> Iterator[str]:
        """What is for videos or for images and clips where there are none, and for class tokens likewise."""
        if not any(map(self._is_video, kinds)):
            yield from ("frames", "frame_tokens")
        if all(map(self._is_video, kinds)):
            yield from ("tokens", "images", "image_code")
        if not self.layout.front:
            yield "class_token"

    def initial(self, parameter: str) -> Initial:
        """Linear layers and tables N(0, 0.02), the images' codes as the recipe says, norms one and zero."""
        if parameter.startswith("image_order"):
            return normal(self.options.image_code)
        if parameter.endswith("bias"):
            return zeros
        return ones if "norm" in parameter else normal(_STD)

    def frozen(self, parameter: str) -> bool:
        """The place code, where the recipe says so."""
        return parameter.startswith("object_order") and self.options.position == "random"

    def _most_of_video(self) -> int:
        """Tokens of the most frames; only an encoder that sees reads videos."""
        return self.options.frames * (self.options.frame_tokens + self._front(self.layout)) if self.sees else 0

    def _is_video(self, kind: str) -> bool:
        return self.sees and kind == "video"

    def _front(self, layout: TokenLayout) -> int:
        return layout.front if self.options.class_token == "keep" else 0

    def _pool(self, visual: MediaTokens) -> _Prompt:
        options = self.options
        layout = visual.layout or TokenLayout.unsaid(visual.tokens.shape[2])
        most, front = options.frame_tokens if self._is_video(visual.kind) else options.tokens, self._front(layout)
        if self._is_video(visual.kind):
            visual = pool_frames(visual, options.frames, options.pool)
        tokens, real = visual.tokens, visual.real
        pooled, mask, cells = self._cells(visual, layout, most)
        if front:
            pooled = torch.cat([tokens[:, :, :front], pooled], 2)
            mask = torch.cat([real[:, :, :front], mask], 2)
        return _Prompt(pooled, mask, front, cells)

    def _cells(self, visual: MediaTokens, layout: TokenLayout, most: int) -> tuple[Tensor, Tensor, Pooled]:
        """The tokens behind those in front, pooled; where items have different numbers of tokens, each by itself."""
        tokens, real = visual.tokens[:, :, layout.front :], visual.real[:, :, layout.front :]
        if visual.token_mask is not None:
            pooled, mask = pool_masked(tokens, real, most, self.options.pool)
            return pooled, mask, Pooled(pooled.shape[2], None)
        cells = plan_pooling(TokenLayout(tokens.shape[2], grid=layout.grid), most)
        alone = TokenLayout(tokens.shape[2], grid=layout.grid)
        pooled = pool_tokens(tokens, cells.count, self.options.pool, alone)
        return pooled, visual.mask[:, :, None].expand(pooled.shape[:3]), cells

    def _with_boxes(self, x: Tensor, pooled: _Prompt) -> Tensor:
        """Add the boxes' codes; with `grid` nothing is added to tokens in front, as they have no box."""
        if self.options.boxes == "none":
            return x
        count, grid = pooled.cells.count, pooled.cells.grid
        if self.options.boxes == "zero" or grid is None:
            boxes = torch.zeros(count, 5, device=x.device)
        else:
            boxes = _boxes(grid, x.device)
        codes: Tensor = self.box_norm(self.box(boxes.to(x.dtype)))
        if pooled.front:
            front = codes[:1] if self.options.boxes == "zero" else torch.zeros_like(codes[:1])
            codes = torch.cat([front.expand(pooled.front, -1), codes])
        return x + codes

    def _object_codes(self, kind: str, pictures: int, count: int, device: torch.device) -> Tensor:
        """Codes of the tokens' places, `(items, count, width)`: counted on over all frames of a video, anew in each
        other item."""
        numbers = torch.arange(pictures * count, device=device).view(pictures, count)
        if not self._is_video(kind):
            numbers = numbers % count
        if self.options.position != "words":
            return self.object_order(numbers)  # type: ignore[no-any-return]
        table = self.word_table.value
        return table[table.shape[0] - 1 - numbers]


def _given(media: MediaTokens | None) -> MediaTokens:
    if media is None:
        raise ValueError("this prompt is made of media")
    return media


def _boxes(grid: tuple[int, int], device: torch.device) -> Tensor:
    """The cells of a grid, row by row, `(cells, 5)`."""
    rows, columns = grid
    edges = torch.arange(rows, device=device) / rows, torch.arange(columns, device=device) / columns
    y, x = (axis.flatten() for axis in torch.meshgrid(*edges, indexing="ij"))
    high, wide = 1 / rows, 1 / columns
    return torch.stack([x, x + wide, y, y + high, torch.full_like(x, wide * high)], dim=-1)


def _why_no_boxes(layout: TokenLayout, tokens: int) -> str:
    if layout.grid is None:
        return f"the encoder's {layout.tokens} tokens form no grid, and get no boxes; `boxes: none` drops the branch"
    given = f"the encoder's {layout.grid[0]} x {layout.grid[1]} cells are no grid when pooled to {tokens}"
    return f"{given}, so they get no boxes; a square number keeps a square grid"


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
