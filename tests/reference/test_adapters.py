"""Bottleneck adapters under three sharing rules give the reference's numbers, all tasks in one batch."""

import pytest
import torch

from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.types.batch import Segment
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.sharing.half_shared import HalfShared
from multigraft.plugins.sharing.per_task import PerTask
from multigraft.plugins.sharing.single import Single

TASKS = ("vqa", "gqa", "nlvr", "caption")
SITE = Site("encoder", 0, "feed-forward", "block", None, 32, 32, "")
RULES = {
    "adapter_single": Single(),
    "adapter_multiple": PerTask(),
    "adapter_half_shared_up": HalfShared(["up.*"]),
}


def their_name(arrays, task, part):
    """`down.weight` of a task is under the task that owns it."""
    half, kind = part.split(".")
    owner = TASKS[int(arrays[f"owner/{task}/{half}_sampler"])]
    return f"param/adapters.{owner}.{half}_sampler.{kind}"


@pytest.fixture(params=RULES)
def filled(request, vectors):
    """A graft that holds the reference's weights, and the arrays."""
    arrays = vectors(request.param)
    graft = Graft(TASKS, Bank(0))
    adapter = Bottleneck(BottleneckOptions(kind="bottleneck", width=8))
    add_method(graft, Method("bottleneck", adapter, (SITE,), RULES[request.param]))
    graft.bank.allocate(torch.device("cpu"))
    for task, keys in graft.sites[SITE.name][0].keys.items():
        for part, key in keys.items():
            graft.bank[key].data = arrays[their_name(arrays, task, part)]
    return graft, arrays


def test_who_owns_what(filled):
    graft, arrays = filled
    keys = graft.sites[SITE.name][0].keys
    for part in ("down.weight", "down.bias", "up.weight", "up.bias"):
        ours = [[keys[one][part] == keys[other][part] for other in TASKS] for one in TASKS]
        names = [their_name(arrays, task, part) for task in TASKS]
        assert ours == [[one == other for other in names] for one in names]


def test_outputs_of_all_tasks_in_one_batch(filled, close):
    graft, arrays = filled
    x, rows = arrays["x"], len(arrays["x"])
    segments = [Segment(task, number * rows, (number + 1) * rows) for number, task in enumerate(TASKS)]
    whole = x.repeat(len(TASKS), 1, 1)
    output = make_interceptor(graft, segments, training=False).block(SITE.name, whole, whole)
    close(output, torch.cat([arrays[f"out/{task}"] for task in TASKS]))
