"""Thousands of candidates are scored in chunks: as all at once, and in memory that does not grow with their number."""

import json
import subprocess
import sys

import pytest
import torch

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.trunk import decoding
from multigraft.core.trunk.passes import Passes, Texts

MEASURED = """
import json, resource, torch
from itertools import islice, product
from string import ascii_lowercase
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.registry.registry import load_registry
from multigraft.core.trunk.decoding import score
from multigraft.core.trunk.passes import Passes, Texts

registry = load_registry()
base = {
    "vocab_size": 50265, "d_model": 768, "encoder_layers": 6, "decoder_layers": 6, "encoder_attention_heads": 12,
    "decoder_attention_heads": 12, "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072,
}
options = registry.options("backbones", "bart").model_validate(
    {"kind": "bart", "weights": "random", "architecture": base}, context={"registry": registry}
)
backbone = registry.build("backbones", options)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
ids, mask = backbone.tokenize(["what is seen in the picture?"])
begin = lambda: Passes(backbone, Texts(ids, mask, ids), NoGraft()).beginning
words = ["".join(letters) for letters in islice(product(ascii_lowercase, repeat=3), 3000)]
answers = [word * 2 if number % 10 == 0 else word for number, word in enumerate(words)]
with torch.no_grad():
    score(begin(), NoGraft(), [["warm"]])
    before = peak()
    scores = score(begin(), NoGraft(), [answers])
lengths = (backbone.tokenize_targets(answers) != -100).sum(1)
print(json.dumps({
    "rise": peak() - before, "answers": len(answers), "longest": int(lengths.max()), "width": backbone.width,
    "layers": len(backbone.stacks["decoder"].layers), "finite": bool(scores.isfinite().all()),
}))
"""


@pytest.mark.parametrize("family", ["bart", "t5", "decoder"])
@pytest.mark.parametrize("most", [1, 60, 300])
def test_chunks_give_what_all_at_once_gives(family, most, families, monkeypatch):
    model, generator = getattr(families, family)(0), torch.Generator().manual_seed(1)
    mask = torch.arange(6)[None] < torch.tensor([[6], [4], [2]])
    ids = torch.randint(4, 14, (3, 6), generator=generator).masked_fill(~mask, 0)
    begin = Passes(model, Texts(ids, mask, ids), NoGraft()).beginning
    candidates = [["abc", "d", "dddd", "ab", "abc"], ["b", "cc"], ["dcba", "a", "bb"]]
    whole = decoding.score(begin, NoGraft(), candidates)
    assert whole[0, 0] == whole[0, 4]
    monkeypatch.setattr(decoding, "_LOGITS", most * 14)
    torch.testing.assert_close(decoding.score(begin, NoGraft(), candidates), whole)
    assert whole.isneginf().tolist() == [[number >= len(own) for number in range(5)] for own in candidates]


def test_three_thousand_answers_take_less_than_a_gigabyte_over_a_bart_base():
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["answers"], found["width"], found["layers"], found["finite"]) == (3000, 768, 6, True)
    assert found["longest"] == 8
    assert found["rise"] < 1e9, f"{found['rise'] / 1e6:.0f} MB"
