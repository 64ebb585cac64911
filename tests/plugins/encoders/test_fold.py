"""Folding batch norms changes speed, not values, and gradients by the chain rule alone."""

from copy import deepcopy

import pytest
import timm
import torch
from torch import nn

from multigraft.plugins.encoders.fold import fold_batch_norms


def with_lively_statistics(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("name", "folded", "left"),
    [("tf_efficientnet_lite0", 49, 0), ("resnet18", 20, 0), ("repvgg_a0", 44, 17), ("resnetv2_50", 32, 17)],
)
def test_every_norm_that_alone_reads_a_convolution_is_folded_and_outputs_stay_equal(name: str, folded: int, left: int):
    model = with_lively_statistics(timm.create_model(name))
    pictures = torch.randn(2, 3, 64, 64)
    before = model(pictures)
    assert fold_batch_norms(model) == folded
    assert sum(isinstance(module, nn.BatchNorm2d) for module in model.modules()) == left
    torch.testing.assert_close(model(pictures), before, rtol=1e-4, atol=1e-5 * float(before.abs().max()))


class ReadTwice(nn.Module):
    """The convolution's own output is used beside the norm's."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.convolution(x)
        return y + self.norm(y)


class Branches(ReadTwice):
    """Cannot be traced: what it does depends on values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.convolution(x)) if x.sum() > 0 else x


@pytest.mark.parametrize("model", [ReadTwice, Branches])
def test_a_norm_is_left_alone_where_folding_would_change_something(model: type[nn.Module]):
    plain = with_lively_statistics(model())
    pictures = torch.rand(1, 3, 2, 2)
    before = plain(pictures)
    assert fold_batch_norms(plain) == 0
    assert torch.equal(plain(pictures), before)


def test_gradients_of_folded_weights_are_those_of_the_plain_ones_by_the_chain_rule():
    """W' = s W and b' = beta - s mean, where s = gamma / sqrt(variance + eps)."""
    plain = with_lively_statistics(timm.create_model("resnet18")).double()
    folded = deepcopy(plain)
    assert fold_batch_norms(folded) == 20
    pictures = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for model in (plain, folded):
        model.requires_grad_(True)(pictures).square().mean().backward()
    pairs = [(f"layer{n}.{k}.conv{c}", f"layer{n}.{k}.bn{c}") for n in range(1, 5) for k in (0, 1) for c in (1, 2)]
    pairs += [("conv1", "bn1"), *((f"layer{n}.0.downsample.0", f"layer{n}.0.downsample.1") for n in range(2, 5))]
    for convolution, norm in pairs:
        own, bn = plain.get_submodule(convolution), plain.get_submodule(norm)
        weight, bias = (each.grad for each in folded.get_submodule(convolution).parameters())
        scale = bn.weight / (bn.running_var + bn.eps).sqrt()
        gain = (weight * own.weight).sum((1, 2, 3)) - bias * bn.running_mean
        torch.testing.assert_close(own.weight.grad, weight * scale[:, None, None, None])
        torch.testing.assert_close(bn.bias.grad, bias)
        torch.testing.assert_close(bn.weight.grad, gain * scale / bn.weight)
