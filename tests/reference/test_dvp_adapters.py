"""The adapters of Dynamic Visual Prompting give its numbers: ReLU for BERT and T5, SiLU and two channels for LLaMA."""

import pytest
import torch

from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.types.batch import Segment
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.sharing.single import Single

CASES = {
    "bert_t5": (32, BottleneckOptions(kind="bottleneck", reduction=8, activation="relu", spread=0.01)),
    "llama": (128, BottleneckOptions(kind="bottleneck", reduction=64, activation="silu")),
}
COUNTS = {"bert_t5": (768, "param_count_768"), "llama": (4096, "param_count_llama_4096")}


@pytest.fixture(scope="module")
def arrays(vectors):
    return vectors("dvp_adapter")


def block(width):
    return Site("encoder", 0, "feed-forward", "block", None, width, width, "")


@pytest.mark.parametrize("case", CASES)
def test_outputs(case, arrays):
    width, options = CASES[case]
    site, graft = block(width), Graft(("vqa",), Bank(0))
    add_method(graft, Method("bottleneck", Bottleneck(options), (site,), Single()))
    graft.bank.allocate(torch.device("cpu"))
    for part, key in graft.sites[site.name][0].keys["vqa"].items():
        half, kind = part.split(".")
        theirs = arrays[f"{case}.w.{half}_sampler.{kind}"]
        assert graft.bank[key].shape == theirs.shape
        if kind == "bias":
            assert graft.bank[key].abs().max() == arrays["init_bias_abs_max"].max() == 0
        graft.bank[key].data = theirs
    x = arrays[f"{case}.x"]
    output = make_interceptor(graft, [Segment("vqa", 0, len(x))], training=False).block(site.name, x, x)
    torch.testing.assert_close(output.detach(), arrays[f"{case}.out"], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("case", COUNTS)
def test_numbers_at_true_size(case, arrays):
    width, name = COUNTS[case]
    parts = Bottleneck(CASES[case][1]).parts(block(width))
    assert sum(torch.Size(part.shape).numel() for part in parts) == int(arrays[name])
