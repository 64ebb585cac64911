"""Methods at all linear maps of every backbone: they find each weight, merge into it, and give it back to the bit."""

import pytest
import torch

from multigraft import NoGraft, Transform
from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.graft.select import select
from multigraft.core.model.merging import merge
from multigraft.core.model.site_weights import SiteWeights
from multigraft.core.model.trunk import Trunk
from multigraft.core.registry.component import import_name
from multigraft.core.registry.registry import load_registry
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import Segment
from multigraft.plugins.sharing.per_task import PerTask

SIZES = {
    "bart": {
        "vocab_size": 300, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 40,
    },
    "t5": {"vocab_size": 300, "d_model": 16, "d_kv": 6, "d_ff": 24, "num_layers": 2, "num_heads": 2,
           "decoder_start_token_id": 0},
    "bert": {"vocab_size": 4000, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
             "intermediate_size": 24},
    "decoder": {"vocab_size": 4000, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                "num_key_value_heads": 1, "intermediate_size": 24, "max_position_embeddings": 40},
}  # fmt: skip
LINEARS = {"bart": 2 * 6 + 2 * 10, "t5": 2 * 6 + 2 * 10, "bert": 2 * 6, "decoder": 2 * 7}
TEXTS = Texts(torch.tensor([[4, 7, 9], [8, 3, 6]]), torch.ones(2, 3).bool(), torch.tensor([[5, 6, 2], [9, 2, 8]]))
TASKS = ("vqa", "captions")
EVERYWHERE = {"sites": {}}
REGISTRY = load_registry()


def built(kind, options, **given):
    model = import_name(REGISTRY.find(kind, options["kind"]).component.config)
    checked = model.model_validate(options, context={"registry": REGISTRY})
    return REGISTRY.build(kind, checked, **given), checked


@pytest.fixture(params=SIZES)
def backbone(request):
    torch.manual_seed(0)
    options = {"kind": request.param, "weights": "random", "architecture": SIZES[request.param]}
    made, _ = built("backbones", options)
    made.kind = request.param
    for value in made.model.parameters():
        value.data += 0.2 * torch.randn(value.shape)
    return made


def weights_of(backbone, **encoders):
    return SiteWeights(Trunk(backbone, encoders, {}))


def grafted(backbone, kind):
    """Adapters of a kind at all linear maps, moved from their start."""
    adapter, options = built("adapters", {"kind": kind, **EVERYWHERE}, tasks=TASKS)
    wanted = {field: values for field, values in options.sites if values is not None}
    sites = select([site for site in backbone.sites() if site.kind in adapter.kinds], wanted)
    graft = Graft(TASKS, Bank(0))
    add_method(graft, Method(kind, adapter, tuple(sites), PerTask(), weight_of=weights_of(backbone)))
    graft.bank.allocate(torch.device("cpu"))
    for value in graft.bank.trained().values():
        value.data += 0.1 * torch.randn(value.shape)
    return graft


@torch.no_grad()
def states(backbone, intercept=None):
    passes = Passes(backbone, TEXTS, intercept or NoGraft())
    return torch.cat([passes.output(stack).states.flatten() for stack in backbone.stacks])


@pytest.mark.parametrize("kind", ["lora", "dora", "ia3"])
def test_merged_into_all_linear_maps_and_out_of_them_again(kind, backbone):
    graft = grafted(backbone, kind)
    assert len(graft.sites) == LINEARS[backbone.kind]
    plain = states(backbone)
    acting = states(backbone, make_interceptor(graft, [Segment("captions", 0, 2)], training=False))
    assert not torch.allclose(acting, plain, atol=1e-2)
    merged = merge(backbone, graft, "captions")
    torch.testing.assert_close(states(backbone), acting, atol=1e-4, rtol=1e-4)
    merged.restore()
    assert torch.equal(states(backbone), plain)


def test_the_weight_of_a_projection_and_of_a_norm_are_those_of_their_modules(backbone):
    weights = weights_of(backbone)
    sites = [site for site in backbone.sites() if site.kind in ("projection", "norm")]
    for site in sites:
        assert torch.equal(weights(site), backbone.model.get_submodule(site.module).weight), site.name


def test_a_quantised_weight_is_read_as_the_numbers_it_stands_for():
    pytest.importorskip("bitsandbytes", reason="weights in few bits need bitsandbytes")
    sizes = {**SIZES["t5"], "d_model": 64, "d_kv": 32, "d_ff": 128}
    backbone, _ = built("backbones", {"kind": "t5", "weights": "random", "architecture": sizes, "quantized": 8})
    site = next(site for site in backbone.sites() if site.kind == "projection")
    weight = weights_of(backbone)(site)
    assert (weight.dtype, tuple(weight.shape)) == (torch.float32, (site.width_out, site.width_in))
    magnitude = next(value for key, value in grafted_magnitudes(backbone).items() if site.name in key)
    torch.testing.assert_close(magnitude, weight.norm(dim=1))


def grafted_magnitudes(backbone):
    """The magnitudes that a DoRA starts from at all linear maps."""
    bank = grafted(backbone, "dora").bank
    bank.restart()
    return {key.text: value.data for key, value in bank.trained().items() if key.part == "dora.magnitude"}


def test_rows_of_a_fused_weight_in_a_vision_transformer_are_read_alone(backbone):
    import timm.models.vision_transformer as vision

    from multigraft.plugins.encoders.grid import FrozenEncoder
    from multigraft.plugins.encoders.timm_encoder import TimmTrunk

    model = vision.VisionTransformer(32, 8, embed_dim=24, depth=1, num_heads=3, num_classes=0)
    half = (0.5, 0.5, 0.5)
    encoder = FrozenEncoder("tiny", TimmTrunk(model), Transform(32, half, half))
    key = next(site for site in encoder.sites() if site.inner == "key")
    assert torch.equal(weights_of(backbone, visual=encoder)(key), model.blocks[0].attn.qkv.weight[24:48])
