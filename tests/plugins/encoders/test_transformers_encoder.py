"""Vision towers of transformers as encoders, each from a folder that its own `save_pretrained` wrote (conftest.py)."""

import json
import shutil

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from multigraft import MultigraftError, NoGraft, OptionError, TokenLayout
from multigraft.plugins.encoders.options import TransformersOptions

SIZES = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "image_size": 32, "patch_size": 8}
MODELS = ("clip", "siglip", "dinov2", "dinov2 giant", "dinov2_with_registers")
FRONT = {"clip": 1, "siglip": 0, "dinov2": 1, "dinov2 giant": 1, "dinov2_with_registers": 5}
pytestmark = pytest.mark.filterwarnings("ignore:.*preprocessor_config:UserWarning")


def theirs(model, pictures):
    """Outputs of transformers' own vision tower for normalised pictures."""
    tower = getattr(model, "vision_model", model)
    resized = {} if "dinov2" in model.config.model_type else {"interpolate_pos_encoding": True}
    with torch.no_grad():
        return tower(pictures, **resized)


def pixels_of(size, pictures=2):
    drawn = torch.randint(0, 256, (pictures, 3, size, size), generator=torch.Generator().manual_seed(1))
    return drawn.to(torch.uint8)


@pytest.mark.parametrize("size", [32, 48])
@pytest.mark.parametrize("name", MODELS)
def test_tokens_are_transformers_last_hidden_state(build_transformers, saved, normalised, name, size):
    """CLIP's lies before the final norm. A larger picture has its positions interpolated."""
    model, folder = saved(name)
    encoder = build_transformers(f"path:{folder}", norm="before" if name == "clip" else "after", size=size)
    pixels = pixels_of(size)
    side = size // 8
    assert encoder.layout() == TokenLayout(side * side + FRONT[name], FRONT[name], (side, side))
    expected = theirs(model, normalised(encoder, pixels)).last_hidden_state
    assert_close(encoder(pixels, NoGraft()), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["clip", "dinov2", "dinov2_with_registers"])
def test_the_normed_class_token_is_what_transformers_pools(build_transformers, saved, normalised, name):
    model, folder = saved(name)
    encoder = build_transformers(f"path:{folder}")
    pixels = pixels_of(32)
    pooled = theirs(model, normalised(encoder, pixels)).pooler_output
    assert_close(encoder(pixels, NoGraft())[:, 0], pooled, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("name", "width"), [("clip", 10), ("siglip", 24)])
def test_projected_is_what_is_compared_with_texts(build_transformers, saved, normalised, name, width):
    model, folder = saved(name)
    encoder = build_transformers(f"path:{folder}", output="projected")
    assert (encoder.layout(), encoder.width) == (TokenLayout(1, 0, (1, 1)), width)
    pixels = pixels_of(32)
    with torch.no_grad():
        expected = model.get_image_features(normalised(encoder, pixels)).pooler_output
    assert_close(encoder(pixels, NoGraft())[:, 0], expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_earlier_layers_are_transformers_hidden_states(build_transformers, saved, normalised, name):
    """`layer: -2` is what LLaVA reads: the state in front of the last block."""
    model, folder = saved(name)
    encoder = build_transformers(f"path:{folder}", norm="before", layer=-2)
    pixels = pixels_of(32)
    tower = getattr(model, "vision_model", model)
    with torch.no_grad():
        states = tower(normalised(encoder, pixels), output_hidden_states=True).hidden_states
    assert_close(encoder(pixels, NoGraft()), states[-2], atol=1e-6, rtol=1e-6)
    assert {site.layer for site in encoder.sites()} == {0, 1}
    same = build_transformers(f"path:{folder}", norm="before", layer=1)
    assert encoder.fingerprint() == same.fingerprint()


@pytest.mark.parametrize(
    ("name", "output"), [*((name, "grid") for name in MODELS), ("clip", "projected"), ("siglip", "projected")]
)
def test_its_blocks_run_one_by_one_give_the_same(build_transformers, saved, normalised, name, output):
    """As they do where adapters act inside, also at another size, behind which positions lie interpolated."""
    encoder = build_transformers(f"path:{saved(name)[1]}", output=output, size=48)
    pictures = normalised(encoder, pixels_of(48))
    own = encoder.trunk.grid(encoder.stack.run(pictures, NoGraft(), False))
    whole = encoder.trunk(pictures)
    assert_close(own.cells, whole.cells, atol=1e-6, rtol=1e-6)
    assert_close(own.prefix, whole.prefix, atol=1e-6, rtol=1e-6)


def test_a_gated_feed_forward_has_a_site_for_its_gate(build_transformers, saved):
    sites = {site.name: site for site in build_transformers(f"path:{saved('dinov2 giant')[1]}").sites()}
    for name in ("gate", "up"):
        site = sites[f"vision.2.feed-forward.{name}"]
        assert (site.width_in, site.width_out, site.module) == (24, 64, f"encoder.layer.2.mlp.{name}_proj")
    assert len(sites) == 3 * (2 + 2 + 4 + 3 + 1) + 1


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_the_tower_alone_and_the_whole_model_are_one_encoder(build_transformers, saved, name, tmp_path):
    model, folder = saved(name)
    model.vision_model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == f"{name}_vision_model"
    whole = build_transformers(f"path:{folder}")
    assert build_transformers(f"path:{tmp_path}").fingerprint() == whole.fingerprint()


def test_the_fingerprint_tells_weights_and_how_they_are_run(build_transformers, saved, tmp_path):
    model, folder = saved("dinov2")
    base = build_transformers(f"path:{folder}").fingerprint()
    assert base == build_transformers(f"path:{folder}", model="dinov2").fingerprint()
    changed = [
        {"norm": "before"}, {"layer": 0}, {"size": 48}, {"fit": "crop"}, {"pool": 2}, {"class_token": False},
        {"architecture": {"num_attention_heads": 2}}, {"architecture": {"hidden_act": "relu"}},
        {"architecture": {"layer_norm_eps": 0.01}},
    ]  # fmt: skip
    others = {build_transformers(f"path:{folder}", **options).fingerprint() for options in changed}
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["encoder.layer.1.mlp.fc1.bias"] += 1e-3
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    others.add(build_transformers(f"path:{tmp_path}").fingerprint())
    assert len(others) == len(changed) + 1
    assert base not in others


def test_random_weights_are_the_same_every_time_and_leave_torchs_generator_alone(build_transformers):
    torch.manual_seed(5)
    first, drawn = build_transformers(model="dinov2", architecture=SIZES).fingerprint(), torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    assert build_transformers(model="dinov2", architecture=SIZES).fingerprint() == first


@pytest.mark.parametrize(
    ("model", "options", "layout", "width"),
    [
        ("clip", {}, TokenLayout(50, 1, (7, 7)), 768),
        ("clip", {"architecture": {"patch_size": 14}, "size": 336}, TokenLayout(577, 1, (24, 24)), 768),
        ("siglip", {}, TokenLayout(196, 0, (14, 14)), 768),
        ("siglip", {"architecture": {"patch_size": 14, "image_size": 384}}, TokenLayout(729, 0, (27, 27)), 768),
        ("dinov2", {"pool": 4}, TokenLayout(17, 1, (4, 4)), 768),
        ("dinov2", {"architecture": {"image_size": 518}, "size": 224}, TokenLayout(257, 1, (16, 16)), 768),
        ("dinov2_with_registers", {}, TokenLayout(201, 5, (14, 14)), 768),
        ("dinov2_with_registers", {"class_token": False}, TokenLayout(196, 0, (14, 14)), 768),
        ("clip", {"output": "projected"}, TokenLayout(1, 0, (1, 1)), 512),
    ],
)
def test_layouts_at_true_size_on_the_meta_device(build_transformers, model, options, layout, width):
    """SigLIP so400m leaves 6 of its 384 pixels out, as it was trained; another size than its own may not."""
    with torch.device("meta"):
        encoder = build_transformers(model=model, **options)
    assert (encoder.layout(), encoder.width) == (layout, width)
    assert all(value.is_meta for value in encoder.parameters())
    assert "weights=meta" in encoder.fingerprint()


def test_a_described_model_of_the_hub_is_counted_without_it(build_transformers):
    with torch.device("meta"):
        encoder = build_transformers("hub:nobody/nothing", model="clip", architecture=SIZES, size=48)
    assert encoder.layout() == TokenLayout(37, 1, (6, 6))
    assert {site.layer for site in encoder.sites()} == {0, 1, 2, None}


def test_no_weights_are_read_on_the_meta_device(build_transformers, saved, tmp_path):
    shutil.copytree(saved("siglip")[1], tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with torch.device("meta"):
        assert build_transformers(f"path:{tmp_path}").tokens == 16
    with pytest.raises(OptionError, match="cannot be loaded"):
        build_transformers(f"path:{tmp_path}")


@pytest.mark.parametrize(
    ("weights", "options", "place", "message"),
    [
        ("path:nowhere", {}, "weights", "there is no folder nowhere"),
        ("path:{empty}", {}, "weights", r"pytorch_model\.bin is no safetensors file"),
        ("path:{text}", {}, "weights", r"are a text side alone; readable are clip, siglip, dinov2, dinov2_with"),
        ("path:{naflex}", {}, "weights", "no vision tower that can be read .*SigLIP 2 of a fixed size is a `siglip`"),
        ("path:{clip}", {"model": "siglip"}, "model", "are a clip, and no siglip"),
        ("path:{clip}", {"architecture": {"hiden_act": "gelu"}}, "architecture.hiden_act", "did you mean 'hidden_act'"),
        ("path:{clip}", {"architecture": {"hidden_size": 48}}, "weights", "cannot be loaded"),
        ("path:{clip}", {"architecture": {"hidden_act": "galu"}}, "architecture", "galu"),
        ("path:{clip}", {"layer": 3}, "layer", "there is no layer 3; they are 0 to 2"),
        ("path:{clip}", {"size": 36}, "size", "no multiple of the patches' 8 pixels"),
        ("path:{dinov2}", {"output": "projected"}, "output", "has no projection; its class token"),
        ("random", {"model": "dinov2", "architecture": {"image_size": [32, 64]}}, "architecture", "no square's side"),
        ("random", {"model": "siglip", "architecture": {"num_channels": 1}}, "architecture", "have 3 channels"),
        ("random", {"model": "clip", "architecture": {"hidden_size": "wide"}}, "architecture", "expected int, got str"),
    ],
)
def test_what_cannot_be_had_is_told_where_it_is_said(
    build_transformers, saved, weights, options, place, message, tmp_path
):
    """Empty folders, text sides and SigLIP 2 for pictures of any shape among them."""
    folders = {name: tmp_path / name for name in ("empty", "text", "naflex")}
    for folder in folders.values():
        folder.mkdir()
    (folders["text"] / "config.json").write_text('{"model_type": "clip_text_model"}')
    for name in ("text", "naflex"):
        save_file({}, folders[name] / "model.safetensors")
    (folders["naflex"] / "config.json").write_text('{"model_type": "siglip2"}')
    places = {**folders, "clip": saved("clip")[1], "dinov2": saved("dinov2")[1]}
    with pytest.raises(OptionError, match=message) as caught:
        build_transformers(weights.format(**places), **options)
    assert ".".join(map(str, caught.value.location)).startswith(place)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say where the weights come from"),
        ({"weights": "tag:openai"}, "`path:"),
        ({"weights": "random"}, "`weights: random` needs `model`"),
        ({"weights": "random", "model": "blip"}, "Input should be 'clip'"),
        ({"weights": "path:x", "output": "projected", "pool": 2}, "`pool` is for the tokens of a grid"),
        ({"weights": "path:x", "output": "projected", "layer": 1}, "`layer` is for the tokens of a grid"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValidationError, match=message):
        TransformersOptions(kind="transformers", **options)


def test_pickled_weights_are_refused_unless_allowed(build_transformers, saved, tmp_path):
    shutil.copytree(saved("clip")[1], tmp_path, dirs_exist_ok=True)
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    for device in ("meta", "cpu"):
        with torch.device(device), pytest.raises(MultigraftError, match="say `allow_pickle_weights: true`"):
            build_transformers(f"path:{tmp_path}")
    read = build_transformers(f"path:{tmp_path}", allow_pickle_weights=True)
    assert read.fingerprint() == build_transformers(f"path:{saved('clip')[1]}").fingerprint()


def test_code_beside_the_weights_is_never_run(build_transformers, saved, tmp_path):
    shutil.copytree(saved("clip")[1], tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "preprocessor_config.json").write_text('{"auto_map": {"AutoImageProcessor": "evil.Processor"}}')
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert build_transformers(f"path:{tmp_path}").tokens == 17
    assert not (tmp_path / "ran").exists()


def test_weights_that_lack_a_layer_are_refused(build_transformers, saved, tmp_path):
    shutil.copytree(saved("dinov2")[1], tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: value for name, value in weights.items() if ".layer.2." not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(OptionError, match=r"lack what this model needs: encoder\.layer\.2\."):
        build_transformers(f"path:{tmp_path}")


def test_a_siglip_without_its_pooling_has_tokens_alone(build_transformers, saved, tmp_path):
    """Its weights may lack it, as those cut out of a larger model do, or its config may say so."""
    shutil.copytree(saved("siglip")[1], tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: value for name, value in weights.items() if ".head." not in name or "text" in name}
    assert len(kept) < len(weights)
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    whole = build_transformers(f"path:{saved('siglip')[1]}")
    assert build_transformers(f"path:{tmp_path}").fingerprint() == whole.fingerprint()
    with pytest.raises(OptionError, match=r"lack what this model needs: .*head\."):
        build_transformers(f"path:{tmp_path}", output="projected")
    with pytest.raises(OptionError, match="have no pooling"):
        build_transformers(f"path:{tmp_path}", output="projected", architecture={"vision_use_head": False})
