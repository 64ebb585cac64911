"""DoRA: its formula in values and gradients, its start, several owners in a batch, and where it is refused."""

import pytest
import torch
from torch import nn
from torch.nn.functional import linear
from torch.testing import assert_close

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.projection import Projection
from multigraft.core.types.batch import Segment
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.dora import build
from multigraft.plugins.adapters.options import DoraOptions
from multigraft.plugins.sharing.hypernetwork import build as hypernetwork
from multigraft.plugins.sharing.options import HypernetworkOptions
from multigraft.plugins.sharing.per_task import PerTask
from multigraft.plugins.sharing.single import Single

SITE = Site("decoder", 0, "feed-forward", "projection", "up", 6, 5, "")
SEGMENTS = (Segment("vqa", 0, 2), Segment("captions", 2, 3))
CLOSE = {"atol": 1e-9, "rtol": 1e-9}


def dora(**options):
    return build(DoraOptions(kind="dora", rank=2, alpha=3, **options), ())


def frozen(bias=True):
    torch.manual_seed(0)
    return nn.Linear(6, 5, bias=bias).double().requires_grad_(False)


def grafted(module, sharing=None, scope=None):
    """A graft of two tasks, whose tensors have moved from their start."""
    graft = Graft(("vqa", "captions"), Bank(0))
    method = Method("dora", dora(), (SITE,), sharing or PerTask(), scope or {}, lambda site: module.weight)
    add_method(graft, method)
    graft.bank.allocate(torch.device("cpu"))
    for value in graft.bank.trained().values():
        value.data = value.data.double() + 0.3 * torch.randn(value.shape, dtype=torch.float64)
    return graft


def parts_of(graft, task):
    return {part: graft.bank[key] for part, key in graft.sites[SITE.name][0].keys[task].items()}


def by_formula(module, parts, x):
    """Liu et al. 2024, equation 11, with the norms detached."""
    moved = module.weight + 1.5 * parts["up.weight"] @ parts["down.weight"]
    norms = moved.pow(2).sum(1).sqrt().detach()
    return linear(x, (parts["magnitude"] / norms)[:, None] * moved, module.bias)


def test_magnitudes_start_as_the_norms_of_the_weights_rows_and_are_set_back_to_them():
    module = frozen()
    graft = grafted(module)
    magnitude = parts_of(graft, "vqa")["magnitude"]
    graft.bank.restart()
    assert_close(magnitude.data.double(), module.weight.norm(dim=1), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_of_two_owners_in_a_batch_are_the_formulas(bias):
    module = frozen(bias)
    graft, x = grafted(module), torch.randn(3, 4, 6, dtype=torch.float64)
    output = make_interceptor(graft, SEGMENTS, training=True).linear(SITE.name, Projection(module), x)
    wanted = torch.cat([by_formula(module, parts_of(graft, each.task), x[each.start : each.stop]) for each in SEGMENTS])
    assert_close(output, wanted, **CLOSE)
    trained = list(graft.bank.trained().values())
    for came, right in zip(
        *(torch.autograd.grad(each.square().sum(), trained) for each in (output, wanted)), strict=True
    ):
        assert_close(came, right, **CLOSE)


def test_the_merged_projection_is_the_formulas():
    module = frozen()
    graft, x = grafted(module), torch.randn(3, 4, 6, dtype=torch.float64)
    parts = parts_of(graft, "captions")
    assert_close(
        linear(x, *dora().merged(SITE, module.weight, module.bias, parts)), by_formula(module, parts, x), **CLOSE
    )


def test_a_scope_wider_than_its_site_is_refused():
    with pytest.raises(MultigraftError, match="its magnitude starts of the weight of its own site, and here it is one"):
        grafted(frozen(), Single(), {"magnitude": "stack"})


def test_a_hypernetwork_is_refused():
    rule = hypernetwork(HypernetworkOptions(kind="hypernetwork"), ("vqa", "captions"))
    with pytest.raises(MultigraftError, match="magnitude starts of the weight of its own site, which a hypernetwork"):
        grafted(frozen(), rule)
