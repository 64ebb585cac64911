"""Greedy and beam search say what transformers' `generate` says; candidates are scored by teacher forcing."""

import pytest
import torch

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import beam, greedy, score
from multigraft.core.trunk.passes import Passes, Texts

VOCABULARY, PAD, END = 14, 0, 1
MOST = 9


@pytest.fixture(params=["bart", "t5", "decoder"])
def backbone(request, families):
    return getattr(families, request.param)


def texts(seed):
    """Eight texts of two to six tokens."""
    generator = torch.Generator().manual_seed(100 + seed)
    lengths = torch.randint(2, 7, (8, 1), generator=generator)
    mask = torch.arange(6)[None] < lengths
    return torch.randint(4, VOCABULARY, (8, 6), generator=generator).masked_fill(~mask, PAD), mask


def begin(model, ids, mask):
    """Where decoding begins; without dropout and graft."""
    return Passes(model, Texts(ids, mask, ids), NoGraft()).beginning


def theirs(backbone, ids, mask, **options):
    """What transformers generates, without what was read before the first new token."""
    options |= {"max_new_tokens": MOST, "do_sample": False, "early_stopping": False}
    if len(backbone.stacks) == 1:
        rows = [(row[kept][None], kept.sum()) for row, kept in zip(ids, mask, strict=True)]
        return [cut(backbone.model.generate(input_ids=row, **options)[:, length:])[0] for row, length in rows]
    return cut(backbone.model.generate(input_ids=ids, attention_mask=mask.long(), **options)[:, 1:])


def cut(ids):
    """The tokens of each row up to its end; what stands behind it fills up."""
    rows = ids.tolist()
    return [row[: row.index(END) + 1] if END in row else row for row in rows]


@pytest.mark.parametrize("seed", range(4))
def test_greedy(backbone, seed):
    model, (ids, mask) = backbone(seed), texts(seed)
    ours = cut(greedy(begin(model, ids, mask), NoGraft(), Decoding(max_tokens=MOST)))
    assert ours == theirs(model, ids, mask, num_beams=1)


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("beams", [1, 2, 3, 4])
def test_beams(backbone, beams, penalty):
    lengths = set()
    for seed in range(8):
        model, (ids, mask) = backbone(seed), texts(seed)
        options = Decoding(beams=beams, max_tokens=MOST, length_penalty=penalty)
        ours = cut(beam(begin(model, ids, mask), NoGraft(), options))
        assert ours == theirs(model, ids, mask, num_beams=beams, length_penalty=penalty)
        lengths |= set(map(len, ours))
    assert len(lengths) > 1


def test_one_beam_is_greedy_where_it_may_choose_its_length(backbone):
    model, (ids, mask) = backbone(0), texts(0)
    short = Decoding(beams=1, max_tokens=1)
    at = begin(model, ids, mask)
    assert beam(at, NoGraft(), short).tolist() == greedy(at, NoGraft(), short).tolist()


def test_candidates_are_scored_by_teacher_forcing(backbone):
    model = backbone(0)
    ids, mask = texts(0)
    ids, mask = ids[:2], mask[:2]
    scores = score(begin(model, ids, mask), NoGraft(), [["abc", "d"], ["b"]])
    for row, candidate, number in ((0, "abc", 0), (0, "d", 1), (1, "b", 0)):
        labels = model.tokenize_targets([candidate])
        logits = forced(model, ids[row][mask[row]][None], labels)
        expected = logits.float().log_softmax(-1)[0].gather(1, labels[0][:, None]).sum()
        torch.testing.assert_close(scores[row, number], expected)
    assert scores[1, 1].isneginf()


def forced(backbone, ids, labels):
    """Logits of transformers that predict the labels `(1, tokens)` of an unpadded text."""
    if len(backbone.stacks) > 1:
        return backbone.model(input_ids=ids, labels=labels).logits
    return backbone.model(input_ids=torch.cat([ids, labels], 1)).logits[:, ids.shape[1] - 1 : -1]
