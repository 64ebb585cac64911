"""Recipes of papers: numbers at true size, held against their headers, and two steps of each over a tiny trunk."""

import json
import re
import tarfile

import pytest

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.model.summary import summarize_model
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.training import session
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer

TINY = {
    "bart": "{vocab_size: 5000, d_model: 16, encoder_layers: 2, decoder_layers: 2, encoder_attention_heads: 2, "
    "decoder_attention_heads: 2, encoder_ffn_dim: 24, decoder_ffn_dim: 24, max_position_embeddings: 1024}",
    "t5": "{vocab_size: 384, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2}",
}
PICTURES = "{train: [pictures-train-*.tar], validation: [pictures-validation-*.tar], test: [pictures-validation-*.tar]}"
VIDEOS = "{train: [clips-*.tar], validation: [clips-*.tar]}"
ANNOTATIONS = {
    "image": {"vqa": "vqa", "gqa": "vqa", "nlvr": "statements", "caption": "captions"},
    "video": {"tvqa": "choice", "how2qa": "choice", "tvc": "caption", "yc2c": "caption"},
}
"""Which annotations of the shards each task takes."""


@pytest.fixture(scope="module")
def videos(shards, tmp_path_factory):
    """The films of the fixture's shards, with choices and captions."""
    folder = tmp_path_factory.mktemp("clips")
    with ShardWriter(folder, "clips", 8) as writer, tarfile.open(next(shards.glob("videos-train-*.tar"))) as films:
        for number, film in enumerate(each for each in films.getnames() if each.endswith(".mp4")):
            about = {"id": f"{number}/choice", "task": "choice", "text": "which colour?", "choices": ("red", "blue")}
            choice = Annotation(**about, answers=(ScoredAnswer(text="red"),), media=("mp4",))
            caption = Annotation(id=f"{number}/caption", task="caption", references=("a red box",), media=("mp4",))
            record = Record(id=str(number), source="films", annotations=(choice, caption))
            writer.write(str(number), record, {"mp4": films.extractfile(film).read()})
    return folder


def small(suite, family, folder):
    """Overrides: a tiny trunk, the shards of a folder, four rows a step, two steps, and no scores."""
    yield f"trunk.backbone.architecture={TINY[family]}"
    yield "trunk.backbone.weights=random"
    yield "trunk.encoder={kind: timm, model: test_efficientnet, weights: random, size: 64}"
    yield from (f"data.root={folder}", "data.features=false")
    yield from ("train.epochs=null", "train.steps=2", "train.batch=4", "train.log_every=1")
    yield f"train.sampler.batches={{{', '.join(f'{task}: 4' for task in ANNOTATIONS[suite])}}}"
    yield "eval={split: none}"
    for task, annotations in ANNOTATIONS[suite].items():
        yield f"tasks.{task}.annotations={annotations}"
        yield f"tasks.{task}.data={PICTURES if suite == 'image' else VIDEOS}"


@pytest.fixture
def numbers(registry):
    """Trained and all numbers of a recipe at true size, which its header must tell too."""

    def count(path):
        table = summarize_model(load_recipe(path, (), registry), registry).parameters
        assert sum(table.by_owner.values()) == sum(table.by_part.values()) == table.trainable
        told = re.search(r"^# Trained: ([\d,]+) of ([\d,]+) \(([\d.]+) %\)", path.read_text(), re.MULTILINE)
        assert [int(each.replace(",", "")) for each in told.groups()[:2]] == [table.trainable, table.total]
        assert told[3] == f"{table.percent:.4f}"
        return table.trainable, table.total

    return count


@pytest.fixture
def trained_lines(registry, tmp_path):
    """Train a recipe with overrides; the lines of metrics.jsonl."""

    def run(path, overrides):
        session.train(load_recipe(path, tuple(overrides), registry), registry, tmp_path, False)
        return [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]

    return run


@pytest.fixture
def two_steps(shards, videos, trained_lines):
    """Train two steps of a recipe over a tiny trunk; the lines of metrics.jsonl."""

    def run(path, suite, family):
        return trained_lines(path, small(suite, family, shards if suite == "image" else videos))

    return run
