"""Adapters inside vision transformers of timm, open_clip and transformers.

At identity they change nothing; each task has its own. Of five pictures, two are of the task `a` and three of `b`.
"""

from functools import partial

import pytest
import timm
import torch
import transformers
from open_clip import transformer as open_clip_transformer
from timm.layers import GluMlp, RmsNorm
from timm.models import vision_transformer as timm_transformer
from torch.testing import assert_close

from multigraft import Adapter, NoGraft, Part, Prefix, Sharing, Transform
from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.types.batch import Segment
from multigraft.init import normal, zeros
from multigraft.ops import low_rank
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.encoders.grid import FrozenEncoder, weights_hash
from multigraft.plugins.encoders.open_clip_encoder import TransformerTrunk
from multigraft.plugins.encoders.timm_encoder import TimmTrunk
from multigraft.plugins.encoders.transformers_encoder import TowerTrunk
from multigraft.plugins.encoders.transformers_families import FAMILIES
from multigraft.stacks import KeyValues

TIMM = {
    "plain": {},
    "registers and layer scale": {"reg_tokens": 2, "init_values": 0.5, "no_embed_class": True},
    "without a class token": {"class_token": False, "global_pool": "avg", "qkv_bias": False, "dynamic_img_size": True},
    "norms of query, key and mixture": {"qk_norm": True, "scale_attn_norm": True, "scale_mlp_norm": True},
    "RMS norm, before the blocks too": {"pre_norm": True, "norm_layer": RmsNorm},
    "no final norm": {"final_norm": False},
    "drop path": {"drop_path_rate": 0.5, "proj_drop_rate": 0.5, "attn_drop_rate": 0.5, "patch_drop_rate": 0.5},
}
OPEN_CLIP = {
    "plain": {},
    "quick GELU, before the norm": {"act_layer": open_clip_transformer.QuickGELU, "norm": False},
    "layer scale": {"ls_init_value": 0.5, "no_ln_pre": True},
}
TRANSFORMERS = {
    "plain": ("clip", {"intermediate_size": 48}, True),
    "CLIP before the norm": ("clip", {"intermediate_size": 48}, False),
    "SigLIP": ("siglip", {"intermediate_size": 48}, True),
    "DINOv2": ("dinov2", {"mlp_ratio": 2, "layerscale_value": 0.5, "drop_path_rate": 0.5}, True),
    "DINOv2 without biases, before the norm": ("dinov2", {"mlp_ratio": 2, "qkv_bias": False}, False),
    "gated DINOv2": ("dinov2", {"use_swiglu_ffn": True}, True),
    "registers": ("dinov2_with_registers", {"num_register_tokens": 4, "hidden_dropout_prob": 0.5}, True),
}
LIBRARIES = {"timm": TIMM, "open_clip": OPEN_CLIP, "transformers": TRANSFORMERS}
VARIANTS = [(library, name) for library, models in LIBRARIES.items() for name in models]
HALF = Transform(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SEGMENTS = (Segment("a", 0, 2), Segment("b", 2, 5))


def timm_trunk(**options):
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3, "mlp_ratio": 2}
    return TimmTrunk(timm_transformer.VisionTransformer(**sizes, num_classes=0, **options))


def open_clip_trunk(norm=True, **options):
    tower = open_clip_transformer.VisionTransformer(32, 8, 24, 3, 3, 2, output_dim=8, **options)
    return TransformerTrunk(tower, norm)


def transformers_trunk(name, architecture, norm):
    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "image_size": 32, "patch_size": 8}
    family = FAMILIES[name]
    config = getattr(transformers, family.config)(**sizes, **architecture)
    return TowerTrunk(getattr(transformers, family.model)(config), family, norm)


def trunk_of(library, name):
    if library == "transformers":
        return transformers_trunk(*TRANSFORMERS[name])
    return timm_trunk(**TIMM[name]) if library == "timm" else open_clip_trunk(**OPEN_CLIP[name])


def encoder_of(library, name="plain"):
    """An encoder whose weights were moved away from their start by noise, so that biases and norms matter."""
    torch.manual_seed(0)
    trunk = trunk_of(library, name)
    with torch.no_grad():
        for value in trunk.parameters():
            value.add_(0.1 * torch.randn(value.shape))
    return FrozenEncoder(name, trunk, HALF)


@pytest.fixture(params=LIBRARIES)
def encoder(request):
    return encoder_of(request.param)


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (5, 3, 32, 32), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


class PerTask(Sharing):
    def task_scope(self, task, site, part):
        return f"task:{task}"


class LowRank(Adapter):
    """LoRA."""

    kinds = ("projection",)
    grouped = True

    def parts(self, site):
        return Part("down", (2, site.width_in), normal(0.1)), Part("up", (site.width_out, 2), zeros)

    def after(self, call, parts):
        return call.output + low_rank(call.input, parts["down"], parts["up"])


class Shift(Adapter):
    """Written without `multigraft.ops`; of every kind of site."""

    kinds = ("block", "projection", "norm")

    def parts(self, site):
        return (Part("shift", (site.width_out,), zeros),)

    def after(self, call, parts):
        return call.output + parts["shift"]


class Memory(Prefix):
    def parts(self, site):
        across = (site.memory_heads, 2, site.head_width)
        return Part("key", across, normal(0.1)), Part("value", across, normal(0.1))

    def memory(self, site, parts):
        return KeyValues(parts["key"][None], parts["value"][None])


def bottleneck():
    return Bottleneck(BottleneckOptions(kind="bottleneck", width=4, start="identity"))


def query_and_value(site):
    return site.inner in ("query", "value")


def graft_of(encoder, *adapters, noise=0.0, wanted=lambda site: True):
    """A graft of the tasks `a` and `b` at all sites of the adapters' kinds."""
    graft = Graft(("a", "b"), Bank(0))
    for adapter in adapters:
        kinds = adapter.kinds if isinstance(adapter, Adapter) else ("attention",)
        sites = tuple(site for site in encoder.sites() if site.kind in kinds and wanted(site))
        add_method(graft, Method(type(adapter).__name__.lower(), adapter, sites, PerTask()))
    graft.bank.allocate(torch.device("cpu"))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in graft.bank.trained().values():
            value.add_(noise * torch.randn(value.shape, generator=generator))
    return graft


def gradients(encoder, graft, pixels, segments):
    """Tokens, and the gradient of a number that hangs on all of them, for each trained tensor."""
    tokens = encoder(pixels, make_interceptor(graft, segments, training=True))
    trained = graft.bank.trained()
    found = torch.autograd.grad(tokens.pow(3).mean((1, 2)).sum(), list(trained.values()), allow_unused=True)
    return tokens, dict(zip(trained, found, strict=True))


@pytest.mark.parametrize(("library", "name"), VARIANTS)
def test_adapters_at_identity_leave_the_tokens_as_they_are(library, name, pixels):
    encoder = encoder_of(library, name)
    graft = graft_of(encoder, bottleneck(), LowRank(), Shift())
    intercept = make_interceptor(graft, SEGMENTS, training=True)
    assert_close(encoder(pixels, intercept), encoder(pixels, NoGraft()), atol=1e-5, rtol=1e-5)
    assert intercept.seen == {site.name for site in encoder.sites() if site.kind != "attention"}


@pytest.mark.parametrize(("library", "name"), VARIANTS)
def test_without_a_graft_the_library_runs_its_own_model(library, name, pixels):
    encoder = encoder_of(library, name)
    normalised = pixels.float().contiguous(memory_format=torch.channels_last) * encoder.scale + encoder.shift
    if library == "timm":
        theirs = encoder.trunk.model.forward_features(normalised)
    elif library == "transformers":
        theirs = encoder.trunk.model(normalised, **encoder.trunk.family.embed).last_hidden_state
        if name == "plain":
            theirs = encoder.trunk.model.post_layernorm(theirs)
    else:
        tower = encoder.trunk.model
        theirs = tower.transformer(tower._embeds(normalised))
        theirs = tower.ln_post(theirs) if encoder.trunk.norm else theirs
    assert torch.equal(encoder(pixels, NoGraft()), theirs)


@pytest.mark.parametrize(
    "model", ["test_vit", "test_vit2", "test_vit3", "test_vit4", "deit_tiny_distilled_patch16_224"]
)
def test_timms_own_models_at_identity(build_timm, model):
    encoder = build_timm(model, size=64)
    graft = graft_of(encoder, bottleneck())
    pixels = torch.randint(0, 256, (5, 3, 64, 64), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    grafted = encoder(pixels, make_interceptor(graft, SEGMENTS, training=True))
    assert_close(grafted, encoder(pixels, NoGraft()), atol=1e-5, rtol=1e-5)


def test_the_hash_of_stored_features_is_that_of_the_weights(encoder):
    assert f"weights={weights_hash(encoder.trunk)}|" in encoder.fingerprint()
    assert all(name.startswith("model.") for name in encoder.trunk.state_dict())


def test_what_is_declared(encoder):
    sites = {site.name: site for site in encoder.sites()}
    blocks = {"self-attention": ["query", "key", "value", "output", "memory"], "feed-forward": ["up", "down"]}
    names = [
        f"vision.{layer}.{block}{inner}"
        for layer in range(3)
        for block, inners in blocks.items()
        for inner in ("", ".norm", *(f".{each}" for each in inners))
    ]
    assert sorted(sites) == sorted([*names, "vision.final-norm"])
    memory = sites["vision.1.self-attention.memory"]
    assert (memory.kind, memory.heads, memory.memory_heads, memory.head_width) == ("attention", 3, 3, 8)
    assert (sites["vision.2.feed-forward.up"].width_in, sites["vision.2.feed-forward.up"].width_out) == (24, 48)
    assert sites["vision.2.self-attention.value"].width_out == 24


@pytest.mark.parametrize(
    ("library", "block", "query", "norm"),
    [
        ("timm", "blocks.1.attn", "blocks.1.attn.qkv", "blocks.1.norm1"),
        ("open_clip", "transformer.resblocks.1.attn", "transformer.resblocks.1.attn", "transformer.resblocks.1.ln_1"),
        (
            "transformers",
            "encoder.layers.1.self_attn",
            "encoder.layers.1.self_attn.q_proj",
            "encoder.layers.1.layer_norm1",
        ),
    ],
)
def test_modules_of_sites_are_paths_in_the_librarys_model(library, block, query, norm):
    encoder = encoder_of(library)
    sites = {site.name: site.module for site in encoder.sites()}
    at = "vision.1.self-attention"
    assert (sites[at], sites[f"{at}.query"], sites[f"{at}.norm"]) == (block, query, norm)
    for module in sites.values():
        encoder.trunk.model.get_submodule(module)


@pytest.mark.parametrize(
    "trunk",
    [
        partial(timm_trunk, block_fn=timm_transformer.ResPostBlock),
        partial(timm_trunk, block_fn=timm_transformer.ParallelScalingBlock),
        partial(timm_trunk, mlp_layer=GluMlp),
        partial(timm_trunk, attn_layer="diff"),
        partial(open_clip_trunk, qk_norm=True),
        lambda: TimmTrunk(timm.create_model("test_efficientnet", num_classes=0)),
    ],
    ids=["norm behind", "parallel", "gated feed-forward", "differential attention", "custom blocks", "convolutions"],
)
def test_models_with_other_blocks_have_no_sites(trunk, pixels):
    encoder = FrozenEncoder("other", trunk(), HALF)
    assert encoder.sites() == ()
    assert encoder(pixels, NoGraft()).isfinite().all()


@pytest.mark.parametrize(
    "adapters", [(bottleneck(),), (LowRank(),), (Shift(),), (Memory(),), (bottleneck(), LowRank(), Memory())],
    ids=["bottleneck", "low rank", "plain", "prefix", "three"],
)  # fmt: skip
def test_two_tasks_in_one_batch_are_as_each_alone(encoder, adapters, pixels):
    graft = graft_of(
        encoder, *adapters, noise=0.1, wanted=lambda site: site.kind != "projection" or query_and_value(site)
    )
    mixed, found = gradients(encoder, graft, pixels, SEGMENTS)
    for task, rows in (("a", slice(0, 2)), ("b", slice(2, 5))):
        alone, own = gradients(encoder, graft, pixels[rows], [Segment(task, 0, rows.stop - rows.start)])
        assert_close(mixed[rows], alone, atol=1e-5, rtol=1e-5)
        for key, gradient in own.items():
            assert (gradient is not None) == (key.owner.task_scope == f"task:{task}"), key.text
            if gradient is not None:
                assert gradient.any(), key.text
                assert_close(found[key], gradient, atol=1e-5, rtol=1e-4, msg=key.text)
    assert not torch.allclose(mixed, encoder(pixels, NoGraft()), atol=1e-2)


def test_a_low_rank_update_is_a_changed_weight(encoder, pixels):
    """Query and value rows of the fused weight, changed in place, give what the adapter gives."""
    graft = graft_of(encoder, LowRank(), noise=0.1, wanted=query_and_value)
    grafted = encoder(pixels, make_interceptor(graft, [Segment("a", 0, 5)], training=False))
    with torch.no_grad():
        for site in encoder.sites():
            if query_and_value(site):
                parts = graft.sites[site.name][0].keys["a"]
                module = encoder.trunk.model.get_submodule(site.module)
                weight = module.in_proj_weight if hasattr(module, "in_proj_weight") else module.weight
                start = 48 if site.inner == "value" and len(weight) == 72 else 0
                weight[start : start + 24] += graft.bank[parts["up"]] @ graft.bank[parts["down"]]
    assert_close(grafted, encoder(pixels, NoGraft()), atol=1e-5, rtol=1e-5)


def test_a_prefix_acts_in_every_attention(encoder, pixels):
    intercept = make_interceptor(graft_of(encoder, Memory()), SEGMENTS, training=False)
    assert not torch.allclose(encoder(pixels, intercept), encoder(pixels, NoGraft()), atol=1e-3)
    assert intercept.seen == {site.name for site in encoder.sites() if site.kind == "attention"}


def test_checkpointed_layers_give_the_same_gradients(encoder, pixels):
    graft = graft_of(encoder, bottleneck(), LowRank(), Memory(), noise=0.1)
    plain, kept = gradients(encoder, graft, pixels, SEGMENTS)
    calls = []
    for layer in encoder.stack.layers:
        layer.register_forward_pre_hook(lambda *_: calls.append(1))
    encoder.checkpointing = True
    tokens, again = gradients(encoder, graft, pixels, SEGMENTS)
    assert len(calls) == 2 * len(encoder.stack.layers)
    assert torch.equal(plain, tokens)
    for key, gradient in kept.items():
        assert_close(again[key], gradient, msg=key.text)


def test_attention_that_is_probed_is_seen_in_a_plain_encoder(encoder, pixels):
    """Every head's probabilities of every token, the class token's among them."""
    graft = graft_of(encoder, bottleneck(), wanted=lambda site: site.layer == 0)
    names = [site.name for site in encoder.sites() if site.kind == "attention"]
    intercept = make_interceptor(graft, SEGMENTS, training=False, probe=names)
    encoder(pixels, intercept)
    assert sorted(intercept.probabilities) == sorted(names)
    for probabilities in intercept.probabilities.values():
        assert probabilities.shape == (5, 3, 17, 17)
        assert_close(probabilities.sum(-1), torch.ones(5, 3, 17))


def test_nothing_of_it_is_loaded_on_the_meta_device(build_timm):
    with torch.device("meta"):
        encoder = build_timm("test_vit", size=64)
    assert {site.layer for site in encoder.sites()} == {*range(6), None}
