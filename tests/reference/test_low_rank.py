"""The low-rank adapter and its linear layers give the reference's numbers."""

import pytest

from multigraft import ops
from multigraft.core.interfaces.adapter import SiteCall
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.low_rank import LowRank
from multigraft.plugins.adapters.options import LowRankOptions

SITE = Site("encoder", 0, "feed-forward", "block", None, 16, 16, "")
THEIRS = {"left": "W_left", "right": "W_right", "bias": "b"}


@pytest.fixture(scope="module")
def arrays(vectors):
    return vectors("low_rank")


def test_a_linear_layer(arrays, close):
    """One half of the adapter, 16 to 8, behind the adapter's own preparation."""
    adapter = LowRank(LowRankOptions(kind="low-rank", rank=2, width=8))
    parts = {part.name: arrays["x"].new_zeros(part.shape) for part in adapter.parts(SITE)}
    own = {f"down.{ours}": arrays[f"param/{theirs}"] for ours, theirs in THEIRS.items()}
    assert {name: value.shape for name, value in own.items()} == {name: parts[name].shape for name in own}
    made = adapter.prepared(SITE, parts | own)
    close(ops.linear(ops.linear(arrays["x"], made["down.left"]), made["down.right"], made["down.bias"]), arrays["out"])


def test_the_adapter(arrays, close):
    adapter = LowRank(LowRankOptions(kind="low-rank", rank=1, width=4))
    parts = {}
    for part in adapter.parts(SITE):
        half, kind = part.name.split(".")
        parts[part.name] = arrays[f"adapter/param/adapters.vqa.{half}_sampler.{THEIRS[kind]}"]
        assert parts[part.name].shape == part.shape
    assert len(parts) == sum(name.startswith("adapter/param/") for name in arrays)
    call = SiteCall(SITE, arrays["x"], arrays["x"], None, None, training=False)
    close(adapter.after(call, adapter.prepared(SITE, parts)), arrays["adapter/out"])
