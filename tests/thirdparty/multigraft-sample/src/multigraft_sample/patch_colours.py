"""`patch-colours`: the mean colour of each patch of a picture, through a fixed random map."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from multigraft import Interceptor, Transform, VisualEncoder, hash_tensors
from multigraft_sample.options import PatchColoursOptions


class PatchColours(VisualEncoder):
    """A grid of `side` x `side` tokens."""

    def __init__(self, options: PatchColoursOptions) -> None:
        super().__init__()
        self.side, self.width, self.tokens = options.side, options.width, options.side**2
        self.transform = Transform(options.size, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.map = nn.Linear(3, options.width)

    def forward(self, pixels: Tensor, intercept: Interceptor) -> Tensor:
        """uint8 `(pictures, 3, size, size)` to `(pictures, side * side, width)`, row by row."""
        cells = adaptive_avg_pool2d(pixels.float() / 127.5 - 1, self.side)
        return self.map(cells.flatten(2).transpose(1, 2))

    def fingerprint(self) -> str:
        """Everything that decides a token."""
        weights = "meta" if self.map.weight.is_meta else hash_tensors(self.map.parameters())
        return f"patch-colours:{weights},{self.transform.size}px,{self.side}x{self.side}"


def build(options: PatchColoursOptions) -> PatchColours:
    """The encoder of a recipe; equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return PatchColours(options).eval().requires_grad_(False)
