"""A tiny recipe over a small quickstart folder, rows for it, and `multigraft bench methods` in this process."""

import pytest
import torch
from click.testing import CliRunner

from multigraft.core.cli import cli

torch.set_num_threads(1)  # sums depend on it, and tests run side by side

RECIPE = """
trunk:
  encoder: {{kind: timm, model: test_efficientnet, weights: random, size: 64}}
  backbone:
    kind: t5
    weights: random
    architecture:
      {{vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2, dropout_rate: 0.0,
       decoder_start_token_id: 0}}
  prompt: {{kind: linear, tokens: 4}}
tasks:
  vqa:
    kind: visual-question-answering
    data: {{train: [easy-vqa/train-*.tar], validation: [easy-vqa/validation-*.tar], test: [easy-vqa/test-*.tar]}}
    evaluator: {{kind: generate, max_tokens: 4}}
  statements:
    kind: two-image-statements
    data: {{train: [easy-vqa/train-*.tar], validation: [easy-vqa/validation-*.tar], test: [easy-vqa/test-*.tar]}}
graft: {{sharing: half-shared}}
train: {{batch: 8, sampler: equal}}
data: {{root: {root}, features: true}}
"""
METHODS = """
rates: [1.0e-3, 1.0e-2]
rows:
  single:
    set: ["graft.adapters=[{kind: bottleneck, width: 4}]", "graft.sharing=single"]
  untrained: {like: single, trained: false}
"""


@pytest.fixture(scope="session")
def recipe_file(quickstart_folder, tmp_path_factory):
    """A recipe with two tasks about the pictures of easy-VQA, over a tiny random trunk."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(RECIPE.format(root=quickstart_folder))
    return path


@pytest.fixture
def methods_file(tmp_path):
    """Write the rows of a benchmark."""

    def write(text=METHODS):
        path = tmp_path / "methods.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def words(recipe_file, tmp_path):
    """The arguments of a small benchmark of some rows."""

    def make(methods, *more, rows="single,untrained"):
        folder = ["--folder", tmp_path / "bench", "--recipe", recipe_file, "--methods", methods]
        return [
            str(word) for word in ["bench", "methods", *folder, "--rows", rows, "--steps", 4, "--samples", 12, *more]
        ]

    return make


@pytest.fixture
def bench(words):
    """Run a small benchmark in this process."""
    return lambda *given, **rows: CliRunner().invoke(cli, words(*given, **rows), prog_name="multigraft")
