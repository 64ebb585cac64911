"""Pooling that stored features have: which tokens each step leaves, and what the model then sees of the layout."""

import pytest
import torch

from multigraft.core.interfaces.encoder import Encoder
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.model.pooled_encoder import PooledEncoder, pooled_layout
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.tokens import Tokens

VIT = TokenLayout(2 + 4 * 6, 2, (4, 6))


class Given(Encoder):
    """Gives the tokens that it was made of."""

    def __init__(self, layout, states, mask=None):
        super().__init__()
        self.width, self.tokens, self.origin = states.shape[2], states.shape[1], "package:given"
        self.given, self.laid = Tokens(states, mask), layout

    def preparation(self):
        return None

    def encode(self, arrays, mask, intercept):
        return self.given

    def fingerprint(self):
        return "given"

    def layout(self):
        return self.laid


def pooled(step, layout=VIT, mask=None):
    states = torch.randn(3, layout.tokens, 5, generator=torch.Generator().manual_seed(0))
    encoder = PooledEncoder(Given(layout, states, mask), step)
    return encoder, states, encoder.encode(torch.zeros(3), None, NoGraft())


def test_a_grid_is_averaged_and_what_is_in_front_stays():
    encoder, states, made = pooled("grid-2x3")
    cells = states[:, 2:].reshape(3, 2, 2, 3, 2, 5).mean((2, 4)).reshape(3, 6, 5)
    torch.testing.assert_close(made.states, torch.cat([states[:, :2], cells], 1))
    assert encoder.layout() == TokenLayout(8, 2, (2, 3))
    assert encoder.tokens == made.states.shape[1] == 8


def test_a_mean_leaves_out_class_and_register_tokens():
    encoder, states, made = pooled("mean")
    torch.testing.assert_close(made.states, states[:, 2:].mean(1, keepdim=True))
    assert encoder.layout() == TokenLayout(1, 0, (1, 1))


def test_a_mean_of_a_class_token_alone_is_that_token():
    _, states, made = pooled("mean", TokenLayout(1, 1))
    torch.testing.assert_close(made.states, states)


def test_a_class_token_is_the_first():
    encoder, states, made = pooled("class-token")
    assert torch.equal(made.states, states[:, :1])
    assert encoder.layout() == TokenLayout(1, 0, (1, 1))


def test_a_mean_of_sound_is_that_of_its_real_tokens():
    mask = torch.arange(7)[None] < torch.tensor([7, 3, 1])[:, None]
    encoder, states, made = pooled("mean", TokenLayout(7), mask)
    for number, length in enumerate((7, 3, 1)):
        torch.testing.assert_close(made.states[number, 0], states[number, :length].mean(0))
    assert (made.mask, encoder.layout()) == (None, TokenLayout(1))


def test_it_is_another_encoder_than_the_one_it_pools():
    names = {pooled(step)[0].fingerprint() for step in ("mean", "class-token", "grid-2x3", "grid-2x2")} | {"given"}
    assert len(names) == 5
    assert pooled("mean")[0].origin == "package:given"


@pytest.mark.parametrize(
    ("layout", "step", "message"),
    [
        (TokenLayout(16, 0, (4, 4)), "class-token", "no class token"),
        (TokenLayout(7), "grid-2x2", "7 tokens form no grid"),
        (VIT, "grid-5x2", "grid has 4 x 6 cells"),
        (VIT, "grid-2x7", "grid has 4 x 6 cells"),
        (VIT, "max", "no step of pooling"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(layout, step, message):
    with pytest.raises(ValueError, match=message):
        pooled_layout(layout, step)
