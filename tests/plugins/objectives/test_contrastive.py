"""`contrastive` against its formula, on features that are given."""

from types import SimpleNamespace

import torch
from torch.nn.functional import normalize

from multigraft import TaskBatch
from multigraft.plugins.objectives.contrastive import build
from multigraft.plugins.objectives.options import ContrastiveOptions

WEIGHTS = torch.tensor([1.0, 0.5])


def vectors(seed):
    return normalize(torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_keys_of_the_same_media_share_the_target():
    """Of four rows these are the second and the third, and the first and the third are about one medium."""
    gathered = {"media": vectors(0), "text": vectors(1), "key": torch.tensor([7, 8, 7, 9])}
    outputs = SimpleNamespace(gathered=gathered, first=1, module=lambda name: torch.tensor(0.5))
    rows = TaskBatch("pairs", (None, None), {}, WEIGHTS, gathered["key"][1:3])
    loss = build(ContrastiveOptions(kind="contrastive", width=3)).loss(rows, outputs)
    wanted = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]])
    sums = [
        (-(wanted * (gathered[side][1:3] @ gathered[other].T / 0.5).log_softmax(1)).sum(1) * WEIGHTS).sum()
        for side, other in (("media", "text"), ("text", "media"))
    ]
    assert torch.allclose(torch.stack(list(loss.parts.values())), torch.stack(sums))
    assert torch.allclose(loss.sum, (sums[0] + sums[1]) / 2)
