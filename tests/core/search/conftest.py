"""A text recipe with a planted best value, and its shards."""

import pytest

from multigraft import Annotation, Record, ScoredAnswer, ShardWriter

RECIPE = """
trunk:
  backbone:
    kind: t5
    weights: random
    architecture:
      {{vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2, dropout_rate: 0.1,
       decoder_start_token_id: 0}}
tasks:
  first: &task
    kind: text-denoising
    data: {{train: [train-*.tar], validation: [validation-*.tar], search: [search-*.tar]}}
    evaluator: {{kind: generate, max_tokens: 4}}
  second: *task
graft: {{adapters: [{{kind: bottleneck, width: 4, sites: {{stack: [encoder], layer: [0]}}}}]}}
train: {{steps: 400, batch: 8, sampler: equal, optimizer: {{rate: 2.0e-2}}}}
data: {{root: {root}}}
search:
  choices:
    stack: {{keys: graft.adapters.0.sites.stack, values: [[encoder], [decoder]]}}
  reward: loss
  checkpoint_every: 5
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Questions whose answer is always the same: an adapter in the decoder learns it, one in the encoder hardly."""
    folder = tmp_path_factory.mktemp("texts")
    for split, count in (("train", 24), ("validation", 8), ("search", 16)):
        with ShardWriter(folder, split, count) as writer:
            for number in range(count):
                key = f"{split}{number}"
                asked = tuple(
                    Annotation(id=f"{key}/{task}", task=task, text=f"word {key}", answers=(ScoredAnswer(text=answer),))
                    for task, answer in (("first", "yes"), ("second", "no no"))
                )
                writer.write(key, Record(id=key, source="texts", annotations=asked), {})
    return folder


@pytest.fixture(scope="module")
def recipe(texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "texts.yaml"
    path.write_text(RECIPE.format(root=texts))
    return path
