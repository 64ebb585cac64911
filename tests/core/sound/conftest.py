"""Shards of tones, and a recipe that trains on pictures, videos, sounds, both at once and texts alone."""

import json
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer

PITCHES = {"low": 300.0, "middle": 900.0, "high": 2700.0}
ENCODER = """{kind: audio-transformer, weights: random, width: 8, layers: 2, heads: 2, feed_forward: 12, bands: 16,
             rate: 8000, seconds: 1.5}"""
RECIPE = """
trunk:
  encoders:
    visual: {{kind: timm, model: test_efficientnet, weights: random, size: 64}}
    audio: {encoder}
  backbone:
    kind: t5
    weights: random
    architecture:
      {{vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2, dropout_rate: 0.1,
       decoder_start_token_id: 0}}
  prompt:
    - {{kind: linear, tokens: 4, frame_tokens: 1, frames: 4}}
    - {{kind: linear, modality: audio, tokens: 5, boxes: none}}
inputs: [image, video, audio]
tasks:
  vqa:
    kind: visual-question-answering
    data: {{train: ["{pictures}/pictures-train-*.tar"], validation: ["{pictures}/pictures-validation-*.tar"]}}
    evaluator: {{kind: generate, max_tokens: 4}}
  videos:
    kind: open-video-question-answering
    data: {{train: ["{pictures}/videos-train-*.tar"], validation: ["{pictures}/videos-validation-*.tar"]}}
    evaluator: {{kind: generate, max_tokens: 4}}
  sounds: &heard
    kind: open-video-question-answering
    data: {{train: [sounds-train-*.tar], validation: [sounds-validation-*.tar]}}
    evaluator: {{kind: rank, answers: [low, middle, high]}}
  scenes: *heard
  notes: {{kind: text-denoising, data: {{train: [sounds-train-*.tar]}}}}
graft:
  adapters: [{{kind: bottleneck, width: 4}}]
  sharing: per-task
train: {{steps: 4, batch: 10, sampler: equal, log_every: 1, checkpoint_every: 2,
        optimizer: {{rate: 5.0e-3, schedule: constant}}}}
eval: {{batch: 16}}
data: {{root: "{root}"}}
"""
INSIDE = "graft.adapters.1={kind: bottleneck, name: hearing, width: 3, sites: {stack: [audio], block: [feed-forward]}}"


def tone(pitch, seconds, rate=8000, channels=1, form="WAV", seed=0):
    """A file with a tone in a little noise."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.01, (len(times), channels))
    stream = BytesIO()
    soundfile.write(stream, 0.3 * np.sin(2 * np.pi * pitch * times)[:, None] + noise, rate, format=form)
    return stream.getvalue()


def heard_sample(key, number, pictures):
    """A question about a tone, one about the tone and a picture, and a text; every other file is FLAC at 16 kHz."""
    name, pitch = list(PITCHES.items())[number % 3]
    sound = ("wav", "flac")[number % 2]
    data = tone(pitch, 0.2 + 0.1 * (number % 7), (8000, 16000)[number % 2], 1 + number % 2, sound.upper(), number)
    answers = (ScoredAnswer(text=name),)
    notes = (
        Annotation(id=f"{key}/pitch", task="sounds", text="which pitch?", answers=answers, media=(sound,)),
        Annotation(id=f"{key}/both", task="scenes", text="what is it?", answers=answers, media=("png", sound)),
        Annotation(id=f"{key}/note", task="notes", text=f"this tone is {name}"),
    )
    return Record(id=key, source="tones", annotations=notes), {sound: data, "png": pictures[number % len(pictures)]}


@pytest.fixture(scope="session")
def sounds(tmp_path_factory, picture_file):
    """A folder of shards with 12 tones for training and 7 for validation."""
    folder = tmp_path_factory.mktemp("sounds")
    pictures = [picture_file(colour) for colour in ((220, 30, 30), (30, 180, 30), (30, 30, 220), (9, 9, 9))]
    for split, count in (("train", 12), ("validation", 7)):
        with ShardWriter(folder, f"sounds-{split}", 6) as writer:
            for number in range(count):
                key = f"tone-{split}{number}"
                writer.write(key, *heard_sample(key, number, pictures))
    return folder


@pytest.fixture(scope="session")
def hearing(sounds, shards, tmp_path_factory):
    """The recipe for them and for the pictures and videos of tests/core/conftest.py."""
    path = tmp_path_factory.mktemp("hearing") / "hearing.yaml"
    path.write_text(RECIPE.format(root=sounds, pictures=shards, encoder=ENCODER))
    return path


@pytest.fixture(scope="session")
def train_hearing(training_of, hearing):
    """Train the recipe."""
    return training_of(hearing)


@pytest.fixture(scope="session")
def heard(train_hearing, tmp_path_factory):
    """A run of four steps with adapters inside the encoder of sound."""
    folder = tmp_path_factory.mktemp("heard") / "run"
    return SimpleNamespace(folder=folder, inside=INSIDE, results=train_hearing(folder, INSIDE))


@pytest.fixture(scope="session")
def losses():
    """The losses of a run, step by step."""

    def of(folder):
        rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        return [{n: v for n, v in row.items() if n.startswith("train/") and n.endswith("/loss")} for row in rows]

    return of
