"""A layer compiles without a graph break, with a graft of any sharing rule at its sites."""

import pytest
import torch

from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.types.tokens import Tokens

RULES = ["single", "half-shared", "per-task", "groups", "hypernetwork"]


@pytest.mark.parametrize(
    ("backbone", "stack"), [("T5", "encoder"), ("BART", "decoder"), ("DECODER", "decoder"), ("GPT2", "decoder")]
)
@pytest.mark.parametrize("rule", RULES)
def test_a_layer_is_one_graph(rule, backbone, stack, tiny, tiny_model, samples, batch_of):
    torch._dynamo.reset()
    model = tiny_model(tiny.SHARING[rule], getattr(tiny, backbone))
    batch = batch_of(model, samples)
    intercept = make_interceptor(model.graft, batch.segments, training=True)
    own = model.backbone.stacks[stack]
    rows, positions = len(samples), torch.arange(6)[None]
    memory = Tokens(torch.randn(rows, 7, 16)) if own.memory else None
    x = torch.randn(rows, 6, 16)
    shared = own.shared(Tokens(x, None, positions), memory, None, NoGraft())
    trained = list(model.graft.bank.trained().values())

    def gradients(layer):
        states, _ = layer(x, shared, None, intercept)
        return states, torch.autograd.grad(states.square().sum(), trained, allow_unused=True, retain_graph=True)

    plain = gradients(own.layers[1])
    compiled = gradients(torch.compile(own.layers[1], backend="aot_eager", fullgraph=True))
    torch.testing.assert_close(compiled[0], plain[0], rtol=1e-5, atol=1e-5)
    assert sum(gradient is not None for gradient in plain[1]) >= 4
    for one, other in zip(plain[1], compiled[1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
