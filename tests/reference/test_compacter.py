"""Compacter and its linear layers give the reference's numbers, all tasks in one batch."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import linear

from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.types.batch import Segment
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.compacter import Compacter
from multigraft.plugins.adapters.options import CompacterOptions
from multigraft.plugins.sharing.half_shared import HalfShared
from multigraft.plugins.sharing.single import Single

TASKS = ("vqa", "gqa", "nlvr", "caption")
SITE = Site("encoder", 0, "feed-forward", "block", None, 32, 32, "")
RULES = {"compacter_single": Single(), "compacter_multiple_share_rule": HalfShared(["*.rule"])}
THEIRS = {"rule": "phm_rule", "factors": "W", "bias": "b"}


def their_value(arrays, task, part):
    """`down.factors` of a task, or of the first task where all share it."""
    half, kind = part.split(".")
    names = [f"param/adapters.{owner}.{half}_sampler.{THEIRS[kind]}" for owner in (task, "vqa")]
    return next(arrays[name] for name in names if name in arrays)


@pytest.fixture(params=RULES)
def filled(request, vectors):
    """A graft that holds the reference's weights, and the arrays."""
    arrays = vectors(request.param)
    graft = Graft(TASKS, Bank(0))
    add_method(
        graft,
        Method("compacter", Compacter(CompacterOptions(kind="compacter", width=8)), (SITE,), RULES[request.param]),
    )
    graft.bank.allocate(torch.device("cpu"))
    for task, keys in graft.sites[SITE.name][0].keys.items():
        for part, key in keys.items():
            graft.bank[key].data = their_value(arrays, task, part)
    return graft, arrays


def test_there_are_as_many_numbers_as_theirs(filled):
    graft, arrays = filled
    theirs = sum(value.numel() for name, value in arrays.items() if name.startswith("param/"))
    assert sum(value.numel() for value in graft.bank.trained().values()) == theirs


def test_outputs_of_all_tasks_in_one_batch(filled, close):
    graft, arrays = filled
    x, rows = arrays["x"], len(arrays["x"])
    segments = [Segment(task, number * rows, (number + 1) * rows) for number, task in enumerate(TASKS)]
    whole = x.repeat(len(TASKS), 1, 1)
    output = make_interceptor(graft, segments, training=False).block(SITE.name, whole, whole)
    close(output, torch.cat([arrays[f"out/{task}"] for task in TASKS]))


CASES = {
    "k2_full": {"hypercomplex_division": 2},
    "k4_full": {"hypercomplex_division": 4},
    "k4_rank1": {"hypercomplex_division": 4, "rank": 1},
    "k4_rank2": {"hypercomplex_division": 4, "rank": 2},
    "k4_rulefac": {"hypercomplex_division": 4, "rank": 1, "rule_rank": 1},
}
LINEAR = {
    "down.rule": "phm_rule", "down.rule.left": "phm_rule_left", "down.rule.right": "phm_rule_right",
    "down.factors": "W", "down.left": "W_left", "down.right": "W_right", "down.bias": "b",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_linear_layers_of_kronecker_products(case, vectors, close):
    """As the first half of an adapter of width 16 with a bottleneck of 8."""
    arrays, place = vectors("phm_linear"), replace(SITE, width_in=16, width_out=16)
    adapter = Compacter(CompacterOptions(kind="compacter", width=8, **CASES[case]))
    parts = {part.name: torch.zeros(part.shape, dtype=torch.float64) for part in adapter.parts(place)}
    for ours in (name for name in parts if name.startswith("down.")):
        theirs = arrays[f"{case}/param/{LINEAR[ours]}"]
        assert theirs.shape == parts[ours].shape
        parts[ours] = theirs
    made = adapter.prepared(place, parts)
    close(made["down.weight"].t(), arrays[f"{case}/H"])
    close(linear(arrays["x"], made["down.weight"], made["down.bias"]), arrays[f"{case}/out"])
