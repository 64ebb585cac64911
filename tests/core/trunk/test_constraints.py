"""Minimum length, forced end, n-grams that come once and early stopping do what transformers' `generate` does.

Of a text in a decoder transformers is given the embeddings, as it is when a visual prompt stands among them, so its
n-grams are those of the output, as ours are.
"""

import pytest
import torch

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import beam, greedy
from multigraft.core.trunk.passes import Passes, Texts

VOCABULARY, PAD, END = 14, 0, 1
ROWS = 6
OPTIONS = {
    "minimum": {"min_tokens": 5},
    "as long as can be": {"min_tokens": 9},
    "n-grams": {"no_repeat_ngram": 2},
    "longer n-grams": {"no_repeat_ngram": 3},
    "forced end": {"forced_end": True},
    "all": {"min_tokens": 4, "no_repeat_ngram": 2, "forced_end": True},
    "all but the end": {"min_tokens": 8, "no_repeat_ngram": 3, "forced_end": True},
}


@pytest.fixture(params=["bart", "t5", "decoder"])
def backbone(request, families):
    return getattr(families, request.param)


def texts(seed):
    """Texts of two to six tokens."""
    generator = torch.Generator().manual_seed(200 + seed)
    mask = torch.arange(6)[None] < torch.randint(2, 7, (ROWS, 1), generator=generator)
    return torch.randint(4, VOCABULARY, (ROWS, 6), generator=generator).masked_fill(~mask, PAD), mask


def ours(backbone, ids, mask, decoding):
    begin = Passes(backbone, Texts(ids, mask, ids), NoGraft()).beginning
    return cut((greedy if decoding.beams == 1 else beam)(begin, NoGraft(), decoding))


def theirs(backbone, ids, mask, decoding):
    """What transformers generates, without what was read before the first new token."""
    options = {
        "max_new_tokens": decoding.max_tokens, "min_new_tokens": decoding.min_tokens, "num_beams": decoding.beams,
        "no_repeat_ngram_size": decoding.no_repeat_ngram or 0, "length_penalty": decoding.length_penalty,
        "early_stopping": decoding.early_stopping, "forced_eos_token_id": END if decoding.forced_end else None,
        "do_sample": False,
    }  # fmt: skip
    if len(backbone.stacks) > 1:
        return cut(backbone.model.generate(input_ids=ids, attention_mask=mask.long(), **options)[:, 1:])
    embed = backbone.model.get_input_embeddings()
    rows = [embed(row[kept][None]) for row, kept in zip(ids, mask, strict=True)]
    return [cut(backbone.model.generate(inputs_embeds=row, **options))[0] for row in rows]


def cut(ids):
    """The tokens of each row up to its end; what stands behind it fills up."""
    rows = ids.tolist()
    return [row[: row.index(END) + 1] if END in row else row for row in rows]


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("beams", [1, 2, 3, 5])
def test_as_transformers(backbone, beams, name):
    changed = 0
    for seed in range(4):
        model, given = backbone(seed), texts(seed)
        decoding = Decoding(beams=beams, max_tokens=9, **OPTIONS[name])
        found = ours(model, *given, decoding)
        assert found == theirs(model, *given, decoding)
        changed += found != ours(model, *given, Decoding(beams=beams, max_tokens=9))
    assert changed
