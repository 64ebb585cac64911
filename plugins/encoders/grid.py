"""FrozenEncoder: a frozen trunk whose features are a grid, as a VisualEncoder."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from multigraft import Interceptor, MultigraftError, NoGraft, Site, TokenLayout, Transform, VisualEncoder
from multigraft.plugins.encoders.fold import fold_batch_norms
from multigraft.plugins.encoders.pre_norm_stack import PreNormStack


@dataclass(frozen=True)
class Grid:
    """Features of some pictures."""

    prefix: Tensor
    """Class and register tokens `(pictures, prefix tokens, width)`; none in convolutional trunks."""
    cells: Tensor
    """`(pictures, width, rows, columns)`."""


def grid_of_cells(cells: Tensor) -> Grid:
    """Convolutional features `(pictures, width, rows, columns)`: no tokens in front."""
    return Grid(cells.new_zeros(cells.shape[0], 0, cells.shape[1]), cells)


def grid_of_sequence(tokens: Tensor, prefix: int, sides: tuple[int, int] | None = None) -> Grid:
    """A token sequence `(pictures, prefix + rows * columns, width)` as a grid.

    Args:
        sides: rows and columns; a square if left out, or if the tokens are not so many.

    Raises:
        ValueError: the tokens after the prefix are no such grid and no square.
    """
    rest = tokens[:, prefix:].transpose(1, 2)
    side = round(rest.shape[2] ** 0.5)
    rows, columns = sides if sides and sides[0] * sides[1] == rest.shape[2] else (side, side)
    if rows * columns != rest.shape[2] or not rest.shape[2]:
        raise ValueError(f"{rest.shape[2]} tokens are no square grid")
    return Grid(tokens[:, :prefix], rest.reshape(*rest.shape[:2], rows, columns))


class Trunk(nn.Module, ABC):
    """A pretrained model and how to read a grid off it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    @abstractmethod
    def forward(self, x: Tensor) -> Grid:
        """Normalised float pictures `(pictures, 3, size, size)` to their grid."""

    def stack(self) -> PreNormStack | None:
        """Its blocks, where adapters can reach them."""
        return None

    def grid(self, states: Tensor) -> Grid:
        """The last states of its stack, `(pictures, tokens, width)`, as `forward` gives them."""
        raise NotImplementedError


class FrozenEncoder(VisualEncoder):
    """Normalises uint8 pictures, runs a trunk that gives a `Grid`, pools, and lays the cells out as tokens.

    Where adapters act inside, or layers are computed again in the backward pass, the trunk's blocks are run one by one;
    else the trunk runs as its library wrote it.

    Args:
        name: what the trunk computes, apart from its weights; goes into the fingerprint.
        pool: side that the grid is averaged down to.
        class_token: whether the prefix stays in front of the grid's tokens.

    Raises:
        MultigraftError: the trunk cannot read pictures of this size.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self, name: str, trunk: Trunk, transform: Transform, pool: int | None = None, class_token: bool = True
    ) -> None:
        super().__init__()
        self.name, self.transform, self.pool, self.class_token = name, transform, pool, class_token
        self._weights = weights_hash(trunk)
        self.trunk = trunk
        mean, std = torch.tensor(transform.mean).view(3, 1, 1), torch.tensor(transform.std).view(3, 1, 1)
        self.register_buffer("scale", 1 / (255 * std), persistent=False)
        self.register_buffer("shift", -mean / std, persistent=False)
        self.eval()
        fold_batch_norms(trunk.model)
        self.stack = trunk.stack()
        self._names = [site.name for site in self.sites()]
        self.requires_grad_(False).to(memory_format=torch.channels_last)
        self._layout, self.width = self._shape()
        self.tokens = self._layout.tokens

    def forward(self, pixels: Tensor, intercept: Interceptor) -> Tensor:
        """uint8 pictures `(pictures, 3, size, size)` to float tokens `(pictures, tokens, width)`."""
        grid = self._grid(pixels, intercept)
        tokens = grid.cells.flatten(2).transpose(1, 2)
        return torch.cat([grid.prefix, tokens], 1) if self.class_token else tokens

    def train(self, mode: bool = True) -> "FrozenEncoder":
        """Stays in evaluation mode: no dropout, and batch norms keep their statistics, also where it is trained."""
        return super().train(False)

    def fingerprint(self) -> str:
        """Name, hash of the weights, transform and pooling."""
        t = self.transform
        fit = t.fit if t.shorter is None else f"{t.fit} of {t.shorter}px"
        picture = f"{t.size}px,{fit},{t.interpolation},mean={_numbers(t.mean)},std={_numbers(t.std)}"
        layout = f"pool={self.pool},class_token={self.class_token}"
        return f"{self.name}|weights={self._weights}|{picture}|{layout}"

    def layout(self) -> TokenLayout:
        """The prefix, where it is kept, and the cells row by row."""
        return self._layout

    def sites(self) -> tuple[Site, ...]:
        """Those of the stack `vision`; none where the trunk is no vision transformer whose blocks can be run."""
        return self.stack.sites() if self.stack is not None else ()

    def _grid(self, pixels: Tensor, intercept: Interceptor) -> Grid:
        x = pixels.to(self.scale.dtype, memory_format=self._order()) * self.scale + self.shift
        again = self.checkpointing and torch.is_grad_enabled()
        if self.stack is not None and (again or intercept.acts_at(self._names)):
            grid = self.trunk.grid(self.stack.run(x, intercept, self.checkpointing))
        else:
            grid = self.trunk(x)
        cells = grid.cells if self.pool is None else adaptive_avg_pool2d(grid.cells, self.pool)
        return Grid(grid.prefix if self.class_token else grid.prefix[:, :0], cells)

    def _order(self) -> torch.memory_format:
        """Channels last is faster, and not safe while convolutions learn: on a CPU, torch 2.14's gradient of a 1 x 1
        convolution of stride 2 over up to 4 channels, as in RepVGG's stem, writes outside of its memory."""
        learns = torch.is_grad_enabled() and any(each.requires_grad for each in self.parameters())
        return torch.contiguous_format if learns else torch.channels_last

    def _shape(self) -> tuple[TokenLayout, int]:
        size = self.transform.size
        try:
            with torch.no_grad():
                grid = self._grid(torch.zeros(1, 3, size, size, dtype=torch.uint8), NoGraft())
        except (AssertionError, RuntimeError, ValueError) as error:
            raise MultigraftError(
                f"{self.name}: pictures of {size} x {size} pixels cannot be encoded ({error}); choose another `size`"
            ) from error
        front, (width, rows, columns) = grid.prefix.shape[1], grid.cells.shape[1:]
        return TokenLayout(front + rows * columns, front, (rows, columns)), width


def weights_hash(module: nn.Module) -> str:
    """blake2b over names, types, shapes and bytes of all tensors; `meta` where no weights are loaded."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(module.state_dict().items()):
        if tensor.is_meta:
            return "meta"
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _numbers(values: tuple[float, ...]) -> str:
    return ";".join(f"{value:g}" for value in values)
