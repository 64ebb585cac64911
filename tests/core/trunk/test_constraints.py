"""Minimum length, forced end, n-grams that come once and early stopping do what transformers' `generate` does.

Of a text in a decoder transformers is given the embeddings, as it is when a visual prompt stands among them, so its
n-grams are those of the output, as ours are.
"""

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.constraints import constrain
from multigraft.core.trunk.decoding import beam, greedy
from multigraft.core.trunk.passes import Passes, Texts

pytestmark = pytest.mark.filterwarnings("ignore:Passing `no_repeat_ngram_size` with `inputs_embeds`")

VOCABULARY, PAD, END = 14, 0, 1
ROWS = 6
OPTIONS = {
    "minimum": {"min_tokens": 5},
    "pairs": {"no_repeat_ngram": 2},
    "triples": {"no_repeat_ngram": 3},
    "forced end": {"forced_end": True},
    "all": {"min_tokens": 4, "no_repeat_ngram": 2, "forced_end": True, "early_stopping": True},
}
"""By what a test is called."""


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
    for seed in range(3):
        model, given = backbone(seed), texts(seed)
        decoding = Decoding(beams=beams, max_tokens=9, **OPTIONS[name])
        found = ours(model, *given, decoding)
        assert found == theirs(model, *given, decoding)
        changed += found != ours(model, *given, Decoding(beams=beams, max_tokens=9))
    assert changed


@pytest.mark.parametrize("early", [True, "never"])
@pytest.mark.parametrize("beams", [2, 4])
def test_early_stopping_as_transformers(backbone, beams, early):
    changed = 0
    for penalty, seed in product((-1.0, 1.0, 3.0), range(3)):
        model, given = backbone(seed), texts(seed)
        plain = {"beams": beams, "max_tokens": 9, "length_penalty": penalty}
        decoding = Decoding(**plain, early_stopping=early)
        found = ours(model, *given, decoding)
        assert found == theirs(model, *given, decoding)
        changed += found != ours(model, *given, Decoding(**plain))
    assert changed


@pytest.mark.parametrize("early", [True, "never"])
@pytest.mark.parametrize(("most", "least"), [(1, 0), (1, 1), (2, 1), (5, 5), (16, 12)])
def test_lengths_as_transformers(backbone, most, least, early):
    model, given = backbone(3), texts(3)
    for beams, forced in product((1, 3), (True, False)):
        options = {"beams": beams, "max_tokens": most, "no_repeat_ngram": 3, "length_penalty": 2.0}
        own = {"min_tokens": min(least, most - forced), "forced_end": forced, "early_stopping": early}
        decoding = Decoding(**options, **own)
        found = ours(model, *given, decoding)
        assert found == theirs(model, *given, decoding)
        assert all(decoding.min_tokens <= len(row) - row.count(END) for row in found)
        assert not forced or all(row[-1] == END for row in found)


@pytest.mark.parametrize("beams", [1, 4])
def test_a_row_alone_and_among_others(backbone, beams):
    model, (ids, mask) = backbone(1), texts(1)
    decoding = Decoding(beams=beams, max_tokens=9, length_penalty=2.0, **OPTIONS["all"])
    together = ours(model, ids, mask, decoding)
    alone = [(row[kept][None], kept[kept][None]) for row, kept in zip(ids, mask, strict=True)]
    assert together == [ours(model, *given, decoding)[0] for given in alone]
    assert len({len(row) for row in together}) > 1


TOKENS = st.lists(st.integers(0, 4), max_size=12)


@given(TOKENS, TOKENS, st.integers(2, 5))
def test_no_sequence_comes_twice(start, decoded, size):
    """Exactly those tokens are ruled out that would end a sequence which is there already."""
    ids = torch.tensor([[decoded] * 3], dtype=torch.long)
    scores = torch.zeros(1, 3, 5)
    scores = constrain(scores, torch.tensor([start], dtype=torch.long), ids, END, Decoding(no_repeat_ngram=size))
    read = [*start, *decoded]
    before = {tuple(read[place : place + size]) for place in range(len(read) - size + 1)}
    twice = {token for token in range(5) if tuple([*read, token][-size:]) in before}
    assert [set(beam.isneginf().nonzero()[:, 0].tolist()) for beam in scores[0]] == [twice] * 3
    assert (scores[~scores.isneginf()] == 0).all()


@given(st.integers(0, 12), st.integers(1, 12), st.booleans(), st.data())
def test_when_the_end_may_come(decoded, most, forced, data):
    least = data.draw(st.integers(0, most - forced))
    decoded = min(decoded, most - 1)
    plain, decoding = torch.arange(5.0)[None], Decoding(max_tokens=most, min_tokens=least, forced_end=forced)
    scores = constrain(plain, torch.zeros(1, 1).long(), torch.full((1, decoded), 3), END, decoding)
    if forced and decoded == most - 1:
        assert scores.tolist() == [[-torch.inf, 0.0, -torch.inf, -torch.inf, -torch.inf]]
    else:
        assert scores[0, END].isneginf() == (decoded < least)
        assert scores[0, [0, 2, 3, 4]].tolist() == [0, 2, 3, 4]
    assert plain.tolist() == [[0, 1, 2, 3, 4]]


def test_nothing_is_done_where_no_option_asks():
    scores = torch.zeros(2, 3, VOCABULARY)
    assert constrain(scores, torch.zeros(1, 1), torch.zeros(2, 3, 4), END, Decoding()) is scores


@pytest.mark.parametrize(
    ("options", "key", "message"),
    [
        ({"max_tokens": 4, "min_tokens": 5}, "min_tokens", "5 tokens are more than `max_tokens: 4`"),
        ({"max_tokens": 4, "min_tokens": 4, "forced_end": True}, "min_tokens", "`forced_end` leaves 3 of"),
        ({"no_repeat_ngram": 1}, "no_repeat_ngram", "greater than or equal to 2"),
        ({"early_stopping": "always"}, "early_stopping", "'never'"),
    ],
)
def test_contradictions(options, key, message):
    with pytest.raises(ValidationError, match=message) as refused:
        Decoding(**options)
    assert [problem["loc"] for problem in refused.value.errors()] == [(key,)]
