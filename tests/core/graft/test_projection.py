"""A projection is a view: of a linear layer, of rows of a fused weight, or of a transposed one."""

import torch
from torch import nn
from torch.nn.functional import linear
from transformers.pytorch_utils import Conv1D

from multigraft.core.interfaces.projection import Projection

X = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))


def test_a_linear_layer_runs_itself():
    module = nn.Linear(4, 6)
    calls = []
    module.register_forward_hook(lambda module, given, made: calls.append(made))
    assert torch.equal(Projection(module)(X), calls[0])


def test_rows_of_a_fused_weight():
    module = nn.MultiheadAttention(4, 2)
    nn.init.normal_(module.in_proj_bias)
    query, key, value = linear(X, module.in_proj_weight, module.in_proj_bias).split(4, dim=-1)
    for number, expected in enumerate((query, key, value)):
        rows = slice(4 * number, 4 * number + 4)
        own = Projection(module, rows=rows, weight="in_proj_weight", bias="in_proj_bias")
        torch.testing.assert_close(own(X), expected)
        assert own.weight.shape == (4, 4)


def test_a_transposed_weight():
    module = Conv1D(6, 4)
    nn.init.normal_(module.bias)
    own = Projection(module, transposed=True)
    torch.testing.assert_close(own(X), module(X))
    assert own.weight.shape == (6, 4)


def test_it_reads_what_the_module_holds_when_it_is_called():
    module = nn.Linear(4, 6)
    own = Projection(module)
    module.weight = nn.Parameter(torch.zeros(6, 4))
    assert torch.equal(own(X), module.bias.expand(2, 3, 6))
    assert own.weight is module.weight


def test_another_bias_takes_the_place_of_its_own():
    module, other = nn.Linear(4, 6), torch.ones(6)
    torch.testing.assert_close(Projection(module)(X, other), linear(X, module.weight, other))
