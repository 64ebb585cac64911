"""Bottleneck adapters give the reference's numbers: under three sharing rules, all tasks in one batch; with norms."""

import pytest
import torch

from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.adapter import SiteCall
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


def segments_of(rows):
    return [Segment(task, number * rows, (number + 1) * rows) for number, task in enumerate(TASKS)]


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
    x = arrays["x"]
    whole = x.repeat(len(TASKS), 1, 1)
    output = make_interceptor(graft, segments_of(len(x)), training=False).block(SITE.name, whole, whole)
    close(output, torch.cat([arrays[f"out/{task}"] for task in TASKS]))


def test_half_shared_down_by_the_formula(vectors, close):
    """Its numbers are those of the reference's half-shared up with the halves changed over."""
    arrays = vectors("adapter_multiple")
    graft = Graft(TASKS, Bank(0))
    adapter = Bottleneck(BottleneckOptions(kind="bottleneck", width=8))
    add_method(graft, Method("bottleneck", adapter, (SITE,), HalfShared(["down.*"])))
    graft.bank.allocate(torch.device("cpu"))
    for task, keys in graft.sites[SITE.name][0].keys.items():
        for part, key in keys.items():
            graft.bank[key].data = arrays[their_name(arrays, "vqa" if part.startswith("down") else task, part)]
    x, outputs = arrays["x"], []
    for task in TASKS:
        down, shift, up, last = (
            arrays[f"param/adapters.{owner}.{name}"]
            for owner, name in (
                ("vqa", "down_sampler.weight"), ("vqa", "down_sampler.bias"),
                (task, "up_sampler.weight"), (task, "up_sampler.bias"),
            )
        )  # fmt: skip
        outputs.append(x + torch.nn.functional.gelu(x @ down.t() + shift, approximate="tanh") @ up.t() + last)
    whole = x.repeat(len(TASKS), 1, 1)
    close(
        make_interceptor(graft, segments_of(len(x)), training=False).block(SITE.name, whole, whole), torch.cat(outputs)
    )
    assert sum(value.numel() for value in graft.bank.trained().values()) == 8 * 32 + 8 + 4 * (32 * 8 + 32)


@pytest.mark.parametrize(("pre", "post"), [(1, 0), (0, 1), (1, 1)])
def test_norms_before_and_behind(pre, post, vectors, close):
    arrays = vectors("adapter_layernorm")
    case = f"pre{pre}_post{post}"
    adapter = Bottleneck(BottleneckOptions(kind="bottleneck", width=8, pre_norm=bool(pre), post_norm=bool(post)))
    theirs = {
        "down": "adapters.vqa.down_sampler", "up": "adapters.vqa.up_sampler",
        "pre-norm": "pre_layer_norm", "post-norm": "post_layer_norm",
    }  # fmt: skip
    parts = {}
    for part in adapter.parts(SITE):
        where, kind = part.name.split(".")
        parts[part.name] = arrays[f"{case}/param/{theirs[where]}.{kind}"]
        assert parts[part.name].shape == part.shape
    assert len(parts) == sum(name.startswith(f"{case}/param/") for name in arrays)
    call = SiteCall(SITE, arrays["x"], arrays["x"], None, None, training=False)
    close(adapter.after(call, parts), arrays[f"{case}/out"])
