"""What all frozen encoders have in common, on trunks small enough to see through."""

import pytest
import torch
from torch import nn

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.types.transform import Transform
from multigraft.plugins.encoders.grid import FrozenEncoder, Grid, Trunk, grid_of_cells, grid_of_sequence

TRANSFORM = Transform(size=4, mean=(0.5, 0.25, 0.0), std=(0.5, 0.5, 1.0))


class PictureItself(Trunk):
    """Its grid is the normalised picture, with one token of ones in front."""

    def forward(self, x: torch.Tensor) -> Grid:
        return Grid(torch.ones(len(x), 1, 3), x)


def encoder(**options: object) -> FrozenEncoder:
    return FrozenEncoder("itself", PictureItself(nn.Linear(1, 1)), TRANSFORM, **options)


def test_pixels_are_scaled_to_one_and_normalised_by_channel():
    white = torch.full((1, 3, 4, 4), 255, dtype=torch.uint8)
    tokens = encoder(class_token=False)(white, NoGraft())
    assert tokens.shape == (1, 16, 3)
    torch.testing.assert_close(tokens[0, 0], torch.tensor([1.0, 1.5, 1.0]))


def test_cells_become_tokens_row_by_row_after_the_class_token():
    pixels = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4).expand(1, 3, 4, 4)
    tokens = encoder()(pixels, NoGraft())
    assert torch.equal(tokens[:, 0], torch.ones(1, 3))
    torch.testing.assert_close(tokens[0, 1:, 2] * 255, torch.arange(16.0))


def test_pooling_averages_neighbouring_cells():
    pixels = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4).expand(1, 3, 4, 4)
    pooled = encoder(pool=2, class_token=False)
    tokens = pooled(pixels, NoGraft())
    assert pooled.tokens == 4
    torch.testing.assert_close(tokens[0, :, 2] * 255, torch.tensor([2.5, 4.5, 10.5, 12.5]))


def test_is_frozen_and_stays_in_evaluation_mode():
    frozen = encoder().train()
    assert not any(module.training for module in frozen.modules())
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_fingerprint_tells_weights_size_fit_pool_and_class_token_apart():
    torch.manual_seed(0)
    trunk = PictureItself(nn.Linear(1, 1))
    other = Transform(size=8, mean=TRANSFORM.mean, std=TRANSFORM.std)
    cropped = Transform(size=4, mean=TRANSFORM.mean, std=TRANSFORM.std, fit="crop")
    prints = [
        FrozenEncoder("itself", trunk, TRANSFORM).fingerprint(),
        FrozenEncoder("itself", PictureItself(nn.Linear(1, 1)), TRANSFORM).fingerprint(),
        FrozenEncoder("itself", trunk, other).fingerprint(),
        FrozenEncoder("itself", trunk, cropped).fingerprint(),
        FrozenEncoder("itself", trunk, TRANSFORM, pool=2).fingerprint(),
        FrozenEncoder("itself", trunk, TRANSFORM, class_token=False).fingerprint(),
    ]
    assert len(set(prints)) == len(prints)
    assert prints[0] == FrozenEncoder("itself", trunk, TRANSFORM).fingerprint()


def test_a_size_that_the_trunk_cannot_read_is_said():
    class Oblong(Trunk):
        def forward(self, x: torch.Tensor) -> Grid:
            return grid_of_sequence(torch.zeros(1, 6, 3), 1)

    with pytest.raises(
        MultigraftError, match=r"odd: pictures of 4 x 4 pixels cannot be encoded \(5 tokens are no square"
    ):
        FrozenEncoder("odd", Oblong(nn.Linear(1, 1)), TRANSFORM)


def test_convolutional_grids_have_no_prefix():
    assert grid_of_cells(torch.zeros(2, 5, 3, 3)).prefix.shape == (2, 0, 5)
