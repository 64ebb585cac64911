"""A tiny model over random weights, hand-made samples of four tasks, and tiny real shards with a recipe for them."""

import os
import subprocess
import sys
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from multigraft.core.data.collate import collate
from multigraft.core.data.rows import RowMaker, TextLimits
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import load_registry
from multigraft.core.training import session
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer
from multigraft.core.types.media import Media
from multigraft.core.types.sample import Sample, TextPair

torch.set_num_threads(1)  # sums depend on it, and tests run side by side

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
DECODER = {
    "kind": "decoder",
    "weights": "random",
    "architecture": {
        "vocab_size": 5000, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 24, "max_position_embeddings": 500,
    },
}  # fmt: skip
GPT2 = {
    "kind": "decoder",
    "weights": "random",
    "architecture": {
        "model_type": "gpt2", "vocab_size": 5000, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_inner": 24,
        "n_positions": 500, "embd_pdrop": 0.0, "resid_pdrop": 0.0, "attn_pdrop": 0.0,
    },
}  # fmt: skip
BERT = {
    "kind": "bert",
    "weights": "random",
    "architecture": {
        "vocab_size": 4000, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 24, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
    },
}  # fmt: skip
QWEN3 = {**DECODER, "architecture": {**DECODER["architecture"], "model_type": "qwen3", "head_dim": 4}}
BERT_DECODER = {**BERT, "form": "decoder"}
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
    return Media("image", "visual", frames, np.zeros(1, np.float32))


def clip(seed: int, frames: int) -> Media:
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, 3, 64, 64), dtype=np.uint8)
    return Media("video", "visual", pixels, np.arange(frames, dtype=np.float32))


def sample(task: str, text: str, target: str, *media: Media, weight: float = 1.0) -> Sample:
    annotation = Annotation(id=f"{task}/{text}", task=task)
    return Sample(task, annotation, TextPair(text, target, weight, (target, "no")), media, "none.tar#0")


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

    def make(model, samples, tasks=tuple(TASKS)):
        limits = dict.fromkeys(tasks, TextLimits(60, 60))
        prepare = {task: [each.objective.prepare for each in own] for task, own in model.objectives.items()}
        writing = {task: model.writing(task) for task in tasks}
        return collate(RowMaker(model.backbone, limits, prepare, writing=writing).rows(samples), list(tasks))

    return make


@pytest.fixture(scope="session")
def tiny():
    """The tables above, for tests that choose from them."""
    trunks = {"T5": T5, "BART": BART, "BERT": BERT, "DECODER": DECODER, "GPT2": GPT2, "QWEN3": QWEN3}
    return SimpleNamespace(**trunks, BERT_DECODER=BERT_DECODER, TASKS=TASKS, SHARING=SHARING)


COLOURS = {"red": (220, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 220)}
GROUND = (240, 240, 240)
RECIPE = """
trunk:
  encoder: {{kind: timm, model: test_efficientnet, weights: random, size: 64}}
  backbone:
    kind: t5
    weights: random
    architecture:
      {{vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2, dropout_rate: 0.1,
       decoder_start_token_id: 0}}
  prompt: {{kind: linear, tokens: 4, frame_tokens: 1, frames: 4}}
tasks:
  vqa:
    kind: visual-question-answering
    data: &pictures {{train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}}
    evaluator: {{kind: generate, max_tokens: 6}}
  statements: {{kind: two-image-statements, data: *pictures}}
  captions:
    kind: image-captioning
    data: *pictures
    metrics: [cider, exact-match]
    evaluator: {{kind: generate, max_tokens: 8}}
  videos:
    kind: open-video-question-answering
    data: {{train: [videos-train-*.tar], validation: [videos-validation-*.tar]}}
    evaluator: {{kind: generate, max_tokens: 6}}
graft:
  adapters: [{{kind: bottleneck, width: 4}}]
  sharing: half-shared
  train: {{norms: true}}
train: {{steps: 2, batch: 8, sampler: equal, log_every: 1, checkpoint_every: 100, optimizer: {{rate: 5.0e-3}}}}
eval: {{batch: 16}}
data: {{root: {root}}}
"""


def drawing(colour: str, number: int, shift: int = 0) -> Image.Image:
    """A square or a circle of 16 pixels on a picture of 32."""
    picture = Image.new("RGB", (32, 32), GROUND)
    pen = ImageDraw.Draw(picture)
    (pen.ellipse if number % 2 else pen.rectangle)((8 + shift, 8, 24 + shift, 24), fill=COLOURS[colour])
    return picture


def png(picture: Image.Image) -> bytes:
    stream = BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def film(colour: str, number: int, frames: int) -> bytes:
    """H.264: the drawing moves to the right."""
    import av

    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=4)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for shift in range(frames):
            container.mux(video.encode(av.VideoFrame.from_image(drawing(colour, number, shift))))
        container.mux(video.encode())
    return stream.getvalue()


def picture_record(key: str, colour: str, other: str, number: int) -> Record:
    form = ("square", "circle")[number % 2]
    answers = (ScoredAnswer(text=colour), ScoredAnswer(text=f"dark {colour}", score=0.3))
    truth = (ScoredAnswer(text=str(colour == other).lower()),)
    question = Annotation(
        id=f"{key}/vqa", task="vqa", type="colour", text="what colour?", answers=answers, media=("0.png",)
    )
    statement = Annotation(
        id=f"{key}/both", task="statements", text=f"both are {colour}", answers=truth, media=("0.png", "1.png")
    )
    references = (f"a {colour} {form}", f"one {form}")
    caption = Annotation(id=f"{key}/caption", task="captions", references=references, media=("0.png",))
    return Record(id=key, source="drawings", annotations=(question, statement, caption))


def video_record(key: str, colour: str) -> Record:
    answers = (ScoredAnswer(text=colour),)
    question = Annotation(id=f"{key}/colour", task="videos", text="which colour?", answers=answers, media=("mp4",))
    return Record(id=key, source="films", annotations=(question,))


@pytest.fixture(scope="session")
def shards(tmp_path_factory):
    """A folder of shards: 12 annotations of each task for training, 10 for validation."""
    folder = tmp_path_factory.mktemp("shards")
    names = list(COLOURS)
    for split, count in (("train", 12), ("validation", 10)):
        with ShardWriter(folder, f"pictures-{split}", 6) as writer:
            for number in range(count):
                key, colour, other = f"{split}{number}", names[number % 3], names[number // 3 % 3]
                media = {"0.png": png(drawing(colour, number)), "1.png": png(drawing(other, number + 1))}
                writer.write(key, picture_record(key, colour, other, number), media)
        with ShardWriter(folder, f"videos-{split}", 6) as writer:
            for number in range(count):
                key, colour = f"film-{split}{number}", names[number % 3]
                writer.write(key, video_record(key, colour), {"mp4": film(colour, number, 5 + number % 4)})
    return folder


@pytest.fixture(scope="session")
def recipe_file(shards, tmp_path_factory):
    """A recipe for the shards, over a tiny random trunk with dropout; two steps."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(RECIPE.format(root=shards))
    return path


@pytest.fixture(scope="session")
def training_of(registry):
    """What trains a recipe in this process and returns what results.json holds."""

    def make(path):
        def run(folder, *overrides, resume=False):
            return session.train(load_recipe(path, overrides, registry), registry, folder, resume)

        return run

    return make


@pytest.fixture(scope="session")
def train(training_of, recipe_file):
    """Train the recipe."""
    return training_of(recipe_file)


@pytest.fixture(scope="session")
def command():
    """Run `multigraft ...` in a process of its own, with as many threads as this one: sums depend on them."""

    def run(*arguments, **options):
        words = [sys.executable, "-m", "multigraft", *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), **options.pop("env", {})}
        return subprocess.run(words, capture_output=True, text=True, env=environment, **options)

    return run


@pytest.fixture(scope="session")
def trained(command, recipe_file, tmp_path_factory):
    """A run folder that a process of its own has made, half-shared."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    outcome = command("train", recipe_file, "--run", folder)
    assert outcome.returncode == 0, outcome.stderr
    return SimpleNamespace(folder=folder, outcome=outcome)
