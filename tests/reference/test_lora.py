"""LoRA gives the reference's numbers, shared or per task, all tasks in one batch; and so does a low-rank linear."""

import pytest
import torch
from torch import nn

from multigraft import ops
from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.projection import Projection
from multigraft.core.types.batch import Segment
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.lora import Lora
from multigraft.plugins.adapters.options import LoraOptions
from multigraft.plugins.sharing.per_task import PerTask
from multigraft.plugins.sharing.single import Single

TASKS = ("vqa", "gqa", "nlvr", "caption")
SITE = Site("encoder", 0, "self-attention", "projection", "query", 16, 12, "")
RULES = {"lora_single": Single(), "lora_multiple": PerTask()}
THEIRS = {"down.weight": "lora_As", "up.weight": "lora_Bs"}


@pytest.fixture(params=RULES)
def filled(request, vectors):
    """A graft with the reference's weights, the arrays, and the frozen projection."""
    arrays = vectors(request.param)
    graft = Graft(TASKS, Bank(0))
    add_method(graft, Method("lora", Lora(LoraOptions(kind="lora", rank=4, alpha=32)), (SITE,), RULES[request.param]))
    graft.bank.allocate(torch.device("cpu"))
    for task, keys in graft.sites[SITE.name][0].keys.items():
        for part, key in keys.items():
            owner = "vqa" if request.param == "lora_single" else task
            graft.bank[key].data = arrays[f"param/{THEIRS[part]}.{owner}"]
    module = nn.Linear(16, 12).double()
    module.load_state_dict({name: arrays[f"param/{name}"] for name in ("weight", "bias")})
    return graft, arrays, module


def test_outputs_of_all_tasks_in_one_batch(filled, close):
    graft, arrays, module = filled
    x, rows = arrays["x"], len(arrays["x"])
    segments = [Segment(task, number * rows, (number + 1) * rows) for number, task in enumerate(TASKS)]
    intercept = make_interceptor(graft, segments, training=False)
    output = intercept.linear(SITE.name, Projection(module), x.repeat(len(TASKS), 1, 1))
    close(output, torch.cat([arrays[f"out/{task}"] for task in TASKS]))


def test_the_merged_projection(filled, close):
    graft, arrays, module = filled
    attachment = graft.sites[SITE.name][0]
    for task in TASKS:
        parts = {part: graft.bank[key] for part, key in attachment.keys[task].items()}
        weight, bias = attachment.adapter.merged(SITE, module.weight, module.bias, parts)
        close(nn.functional.linear(arrays["x"], weight, bias), arrays[f"out/{task}"])


def test_the_low_rank_linear(vectors, close):
    arrays = vectors("low_rank")
    left, right = arrays["param/W_left"], arrays["param/W_right"]
    close(ops.shift(ops.low_rank(arrays["x"], left.t(), right.t()), arrays["param/b"]), arrays["out"])
