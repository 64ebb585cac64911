"""open_clip models as encoders: grids, final norm, quick GELU of OpenAI's weights."""

import json
import logging
from pathlib import Path

import open_clip
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.types.token_layout import TokenLayout
from multigraft.plugins.encoders.options import OpenClipOptions

TEXT = {"context_length": 8, "vocab_size": 16, "width": 32, "heads": 2, "layers": 1}
TINY = {
    "tiny-vit": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "tiny-resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
}


@pytest.fixture(scope="module", autouse=True)
def _tiny_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open_clip_configs")
    for name, vision in TINY.items():
        config = {"embed_dim": 32, "vision_cfg": vision, "text_cfg": TEXT}
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return open_clip.create_model("tiny-vit").state_dict()


@pytest.mark.parametrize(
    ("model", "tokens", "width"), [("RN101", 49, 2048), ("ViT-B-16", 197, 768), ("ViT-B-16-SigLIP", 196, 768)]
)
def test_grids_at_true_size(build_open_clip, encode, model: str, tokens: int, width: int):
    encoder = build_open_clip(model)
    assert encoder.transform.size == 224
    assert encode(encoder, 1).shape == (1, tokens, width) == (1, encoder.tokens, encoder.width)


@pytest.mark.parametrize(
    ("model", "options", "tokens"),
    [
        ("tiny-vit", {}, 17),
        ("tiny-vit", {"size": 64}, 65),
        ("tiny-vit", {"pool": 2}, 5),
        ("tiny-vit", {"class_token": False}, 16),
        ("tiny-resnet", {}, 4),
        ("tiny-resnet", {"size": 128}, 16),
    ],
)
def test_size_pool_and_class_token_decide_the_tokens(build_open_clip, encode, model, options, tokens):
    encoder = build_open_clip(model, **options)
    assert encode(encoder).shape == (2, tokens, encoder.width)


def test_after_the_final_norm_every_token_is_normalised(build_open_clip, encode):
    before = encode(build_open_clip("tiny-vit", norm="before"))
    after = encode(build_open_clip("tiny-vit", norm="after"))
    torch.testing.assert_close(after, torch.nn.functional.layer_norm(before, (64,)))


def test_grid_is_what_open_clip_pools(build_open_clip, weights, tmp_path: Path):
    """The class token after the norm, projected, is open_clip's own picture embedding."""
    save_file(weights, tmp_path / "tiny.safetensors")
    encoder = build_open_clip("tiny-vit", f"path:{tmp_path / 'tiny.safetensors'}")
    theirs = open_clip.create_model("tiny-vit", pretrained=str(tmp_path / "tiny.safetensors")).eval()
    normalised = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = encoder.trunk(normalised).prefix[:, 0] @ weights["visual.proj"]
        torch.testing.assert_close(ours, theirs.encode_image(normalised), rtol=1e-4, atol=1e-5)


def test_resnet_grid_is_the_last_stage_before_attention_pooling(build_open_clip, encode, tmp_path: Path):
    torch.manual_seed(0)
    theirs = open_clip.create_model("tiny-resnet").eval()
    save_file(theirs.state_dict(), tmp_path / "tiny.safetensors")
    encoder = build_open_clip("tiny-resnet", f"path:{tmp_path / 'tiny.safetensors'}")
    normalised = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pooled = theirs.visual.attnpool(encoder.trunk(normalised).cells)
        torch.testing.assert_close(pooled, theirs.encode_image(normalised), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("model", "size"), [("tiny-vit", 32), ("tiny-resnet", 64)])
def test_projected_is_what_clip_compares_with_texts(build_open_clip, model: str, size: int, tmp_path: Path):
    torch.manual_seed(0)
    theirs = open_clip.create_model(model).eval()
    save_file(theirs.state_dict(), tmp_path / "tiny.safetensors")
    encoder = build_open_clip(model, f"path:{tmp_path / 'tiny.safetensors'}", output="projected")
    assert (encoder.tokens, encoder.width, encoder.layout()) == (1, 32, TokenLayout(1, 0, (1, 1)))
    assert "projected" in encoder.fingerprint()
    normalised = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        cells = encoder.trunk(normalised).cells.flatten(1)
        torch.testing.assert_close(cells, theirs.encode_image(normalised), rtol=1e-4, atol=1e-4)
        if encoder.stack is not None:
            own = encoder.trunk.grid(encoder.stack.run(normalised, NoGraft(), False)).cells.flatten(1)
            torch.testing.assert_close(own, cells, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("option", "value"), [("pool", 2), ("norm", "before"), ("class_token", False)])
def test_a_single_vector_has_no_grid(option: str, value: object):
    with pytest.raises(ValidationError, match=f"`{option}` is for the tokens of a grid"):
        OpenClipOptions(kind="open-clip", model="RN50", weights="random", output="projected", **{option: value})


def write_openai_state(weights: dict[str, Tensor], folder: Path) -> Path:
    """What torch saves of OpenAI's own model: half precision, and three facts about the text side."""
    facts = {"input_resolution": torch.tensor(32), "context_length": torch.tensor(8), "vocab_size": torch.tensor(16)}
    torch.save({name: value.half() for name, value in weights.items()} | facts, folder / "openai.pt")
    return folder / "openai.pt"


def write_with_companion(weights: dict[str, Tensor], folder: Path) -> Path:
    """What open_clip writes for the hub."""
    save_file(weights, folder / "open_clip_model.safetensors")
    config = {"model_cfg": {"quick_gelu": True}, "preprocess_cfg": {"mean": [0.5] * 3, "resize_mode": "squash"}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder / "open_clip_model.safetensors"


@pytest.mark.parametrize("write", [write_openai_state, write_with_companion])
def test_quick_gelu_is_seen_in_the_checkpoint(build_open_clip, encode, weights, write, tmp_path: Path, caplog):
    path = write(weights, tmp_path)
    with caplog.at_level(logging.INFO, "multigraft"):
        found = build_open_clip("tiny-vit", f"path:{path}", allow_pickle_weights=True)
    said = build_open_clip("tiny-vit", f"path:{path}", allow_pickle_weights=True, activation="quick-gelu")
    plain = build_open_clip("tiny-vit", f"path:{path}", allow_pickle_weights=True, activation="gelu")
    assert "was trained with the quick GELU: tiny-vit is built with it" in caplog.text
    assert torch.equal(encode(found), encode(said))
    assert found.fingerprint() == said.fingerprint() != plain.fingerprint()
    assert not torch.allclose(encode(found), encode(plain), atol=1e-4)


def test_plain_weights_keep_the_models_own_activation(build_open_clip, weights, tmp_path: Path):
    save_file(weights, tmp_path / "plain.safetensors")
    assert "tiny-vit,gelu" in build_open_clip("tiny-vit", f"path:{tmp_path / 'plain.safetensors'}").fingerprint()


def test_the_file_beside_the_weights_decides_the_transform(build_open_clip, weights, tmp_path: Path):
    transform = build_open_clip("tiny-vit", f"path:{write_with_companion(weights, tmp_path)}").transform
    assert (transform.size, transform.mean, transform.fit) == (32, (0.5, 0.5, 0.5), "stretch")
    assert build_open_clip("tiny-vit").transform.mean == open_clip.OPENAI_DATASET_MEAN


def test_a_tags_quick_gelu_is_known_before_its_weights_are_fetched(build_open_clip):
    with torch.device("meta"):
        encoder = build_open_clip("ViT-B-16", "tag:openai")
    assert "ViT-B-16,quick-gelu" in encoder.fingerprint()
    assert all(parameter.is_meta for parameter in encoder.parameters())


def test_weights_of_another_size_get_their_positions_resized(build_open_clip, encode, weights, tmp_path: Path):
    save_file(weights, tmp_path / "tiny.safetensors")
    assert encode(build_open_clip("tiny-vit", f"path:{tmp_path / 'tiny.safetensors'}", size=64)).shape == (2, 65, 64)


@pytest.mark.parametrize(
    ("model", "weights", "message"),
    [
        ("RN-101", "random", r"unknown model 'RN-101'; did you mean 'RN101'\?"),
        ("RN101", "tag:openais", r"RN101 has no weights `tag:openais`; did you mean 'openai'\?"),
        ("coca_ViT-B-32", "random", "say `norm: before`"),
    ],
)
def test_what_cannot_be_had_is_answered_with_what_can(build_open_clip, model, weights, message):
    with pytest.raises(MultigraftError, match=message):
        build_open_clip(model, weights)


def test_weights_that_do_not_fit_are_named(build_open_clip, weights, tmp_path: Path):
    save_file(weights, tmp_path / "tiny.safetensors")
    with pytest.raises(MultigraftError, match=r"tiny\.safetensors does not fit tiny-resnet"):
        build_open_clip("tiny-resnet", f"path:{tmp_path / 'tiny.safetensors'}")


def test_weights_must_be_said():
    with pytest.raises(ValidationError, match="say where the weights come from"):
        OpenClipOptions(kind="open-clip", model="RN101")


@pytest.mark.parametrize(
    ("model", "options", "layout"),
    [
        ("tiny-vit", {}, TokenLayout(17, 1, (4, 4))),
        ("tiny-vit", {"class_token": False}, TokenLayout(16, 0, (4, 4))),
        ("tiny-resnet", {"size": 128}, TokenLayout(16, 0, (4, 4))),
        ("RN101", {}, TokenLayout(49, 0, (7, 7))),
        ("ViT-B-16-SigLIP", {}, TokenLayout(196, 0, (14, 14))),
        ("EVA02-B-16", {}, TokenLayout(197, 1, (14, 14))),
    ],
)
def test_class_tokens_are_told_from_the_grid(build_open_clip, model, options, layout):
    with torch.device("meta"):
        assert build_open_clip(model, **options).layout() == layout
