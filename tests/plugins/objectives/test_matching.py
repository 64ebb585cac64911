"""`matching` against its formula, over states that are given."""

from types import SimpleNamespace

import torch
from torch.nn.functional import softplus

from multigraft import Annotation, Row, TaskBatch, TextPair
from multigraft.core.types.sample import Sample
from multigraft.plugins.objectives.matching import build
from multigraft.plugins.objectives.options import MatchingOptions

WEIGHTS = (3.0, 1.0, 0.5)
OWN = torch.tensor([0.5, 1.0, 2.0])
"""By how much a row's own pair is rather found to belong together."""


class Outputs:
    """States of one number; that of another pair is 10 times its text's number plus that of its media."""

    def summary(self):
        return OWN[:, None]

    def repaired(self, texts, media):
        return SimpleNamespace(summary=lambda: (10.0 * texts + media)[:, None] / 20)

    def module(self, name, states):
        return torch.cat([torch.zeros_like(states), states], 1)


def test_each_pair_weighs_as_the_row_that_it_was_made_for():
    rows = tuple(
        Row(Sample("pairs", Annotation(id=str(n), task="pairs"), TextPair("", "", weight), (), str(n)), {})
        for n, weight in enumerate(WEIGHTS)
    )
    batch = TaskBatch("pairs", rows, {}, torch.tensor(WEIGHTS), torch.arange(3))
    matching = build(MatchingOptions(kind="matching"))
    torch.manual_seed(1)
    media, texts = matching.negatives(batch, Outputs())
    torch.manual_seed(1)
    loss = matching.loss(batch, Outputs()).sum
    own = torch.arange(3)
    others = [(10.0 * own + media) / 20, (10.0 * texts + own) / 20]
    rows_alone = softplus(-OWN) + softplus(others[0]) + softplus(others[1])
    assert torch.allclose(loss, (rows_alone * torch.tensor(WEIGHTS)).sum())
