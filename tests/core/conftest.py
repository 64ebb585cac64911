"""A tiny model over random weights, and hand-made samples of four tasks with images and videos."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from multigraft.core.assembly import allocate, build_model, build_trunk
from multigraft.core.config.recipe import Recipe
from multigraft.core.data.annotation import Annotation
from multigraft.core.data.batch import Example, Sample
from multigraft.core.data.collate import collate
from multigraft.core.data.media import Media
from multigraft.core.registry import load_registry

T5 = {
    "kind": "t5",
    "weights": "random",
    "architecture": {
        "vocab_size": 300, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0,
        "decoder_start_token_id": 0,
    },
}  # fmt: skip
BART = {
    "kind": "bart",
    "weights": "random",
    "architecture": {
        "vocab_size": 5000, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "dropout": 0.0,
    },
}  # fmt: skip
TASKS = {
    "vqa": {"kind": "visual-question-answering", "data": ["none.tar"]},
    "statements": {"kind": "two-image-statements", "data": ["none.tar"]},
    "captions": {"kind": "image-captioning", "data": ["none.tar"]},
    "videos": {"kind": "open-video-question-answering", "data": ["none.tar"]},
}
SHARING = {
    "single": {"kind": "single"},
    "half-shared": {"kind": "half-shared"},
    "half-shared down": {"kind": "half-shared", "shared": ["down.*"]},
    "per-task": {"kind": "per-task"},
    "groups": {"kind": "groups", "groups": {"pictures": ["vqa", "captions"], "rest": ["statements", "videos"]}},
    "hypernetwork": {"kind": "hypernetwork", "embedding": 6, "hidden": 6, "projected": 4},
}


@pytest.fixture(scope="session")
def registry():
    return load_registry()


@pytest.fixture(scope="session")
def tiny_recipe(registry):
    """A recipe over a tiny random trunk; keyword arguments replace its sections."""

    def make(sharing="single", backbone=T5, **sections):
        recipe = {
            "trunk": {
                "encoder": {"kind": "timm", "model": "test_efficientnet", "weights": "random", "size": 64},
                "backbone": backbone,
                "prompt": {"kind": "linear", "tokens": 4, "frame_tokens": 1, "frames": 4},
            },
            "tasks": TASKS,
            "graft": {
                "adapters": [{"kind": "bottleneck", "width": 4}],
                "sharing": sharing,
                "train": {"norms": True},
            },
        }
        return Recipe.model_validate(recipe | sections, context={"registry": registry})

    return make


@pytest.fixture(scope="session")
def tiny_model(registry, tiny_recipe):
    """A model whose trained tensors were moved away from their start by noise, so that nothing is trivial."""

    def make(sharing="single", backbone=T5, **sections):
        recipe = tiny_recipe(sharing, backbone, **sections)
        model = build_model(recipe, registry, build_trunk(recipe, registry))
        allocate(model, torch.device("cpu"))
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for value in model.graft.bank.trained().values():
                value.add_(0.2 * torch.randn(value.shape, generator=generator))
        return model

    return make


def picture(seed: int) -> Media:
    frames = np.random.default_rng(seed).integers(0, 256, (1, 3, 64, 64), dtype=np.uint8)
    return Media("image", frames, np.zeros(1, np.float32))


def clip(seed: int, frames: int) -> Media:
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, 3, 64, 64), dtype=np.uint8)
    return Media("video", pixels, np.arange(frames, dtype=np.float32))


def sample(task: str, text: str, target: str, *media: Media, weight: float = 1.0) -> Sample:
    annotation = Annotation(id=f"{task}/{text}", task=task)
    return Sample(task, annotation, Example(text, target, weight, (target, "no")), media, "none.tar#0")


@pytest.fixture(scope="session")
def samples():
    """Two samples of each task; different numbers of pictures, frames and words."""
    return [
        sample("vqa", "vqa: what is it?", "a box", picture(1)),
        sample("vqa", "vqa: which colour has the thing in the middle?", "red", picture(2), weight=0.3),
        sample("statements", "nlvr: both are red", "true", picture(3), picture(4)),
        sample("statements", "nlvr: one is", "false", picture(5), picture(6)),
        sample("captions", "caption:", "a red box on a pale ground", picture(7)),
        sample("captions", "caption:", "one", picture(8)),
        sample("videos", "what was done?", "go to", clip(9, 3)),
        sample("videos", "what?", "open the door", clip(10, 5)),
    ]


@pytest.fixture(scope="session")
def batch_of():
    """Collate samples for a model."""

    def make(model, samples):
        limits = dict.fromkeys(TASKS, 60)
        return collate(samples, model.backbone, limits, limits, list(TASKS))

    return make


@pytest.fixture(scope="session")
def tiny():
    """The tables above, for tests that choose from them."""
    return SimpleNamespace(T5=T5, BART=BART, TASKS=TASKS, SHARING=SHARING)
