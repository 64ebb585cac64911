"""Hypernetworks: a network for each stack, and one embedding of a task for all of them."""

import pytest
import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank, Key
from multigraft.core.graft.saving import GraftError, load_graft, save_graft
from multigraft.core.types.owner import Owner
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.sharing import hypernetwork
from multigraft.plugins.sharing.options import HypernetworkOptions

TASKS = ("vqa", "captions")


def graft_over(*sites):
    rule = hypernetwork.build(HypernetworkOptions(kind="hypernetwork", embedding=6, hidden=5, projected=3), TASKS)
    graft = Graft(TASKS, Bank(0))
    add_method(graft, Method("bottleneck", Bottleneck(BottleneckOptions(kind="bottleneck", width=2)), sites, rule))
    graft.bank.allocate(torch.device("cpu"))
    return graft


def site(stack, layer, width=8):
    return Site(stack, layer, "feed-forward", "block", None, width, width, "")


@pytest.fixture
def graft():
    return graft_over(site("encoder", 0), site("encoder", 1), site("decoder", 0), site("decoder", 1))


def test_a_task_has_one_embedding_and_each_stack_its_network(graft):
    owned = [key.text for key in graft.bank.trained() if key.owner.task_scope == "task:vqa"]
    assert owned == ["task:vqa/bottleneck-hypernetwork/bottleneck-hypernetwork.task_embeddings.vqa"]
    homes = {key.owner.site_scope for key in graft.bank.trained() if key.owner.task_scope == "shared"}
    assert homes == {"bottleneck-hypernetwork-encoder", "bottleneck-hypernetwork-decoder"}


def test_both_stacks_read_it(graft):
    (embedding,) = (value for key, value in graft.bank.trained().items() if key.owner.task_scope == "task:vqa")
    for network in graft.hypernetworks:
        parts = torch.func.functional_call(
            network.generator.module, network.generator.values(graft.bank, "vqa"), (["vqa"],)
        )
        total = torch.stack([part.sum() for part in parts.values()]).sum()
        (gradient,) = torch.autograd.grad(total, [embedding])
        assert gradient.abs().sum() > 0


def test_a_graft_with_an_embedding_for_each_stack_is_refused_with_what_differs(graft, tmp_path):
    facts = {"trunk": {}, "tasks": list(TASKS), "recipe": "", "plugins": {"multigraft": "0.1.0"}}
    earlier = Bank(0)
    for key, entry in graft.bank.entries.items():
        for stack in ("encoder", "decoder"):
            home = f"bottleneck-hypernetwork-{stack}"
            own = key.owner.task_scope != "shared"
            part = key.part.replace("bottleneck-hypernetwork.", f"{home}.")
            earlier.declare(Key(Owner(key.owner.task_scope, home), part) if own else key, entry.part)
    earlier.allocate(torch.device("cpu"))
    save_graft(tmp_path, earlier, facts)
    with pytest.raises(GraftError) as refused:
        load_graft(tmp_path, graft.bank, {})
    message = str(refused.value)
    assert "(2 missing, 4 unknown): missing task:captions/bottleneck-hypernetwork/" in message
    assert "unknown task:captions/bottleneck-hypernetwork-decoder/" in message
    assert message.endswith("as in version 0.1.0, and this version has one for all stacks: train it anew")


def test_layers_of_other_shapes_are_refused():
    with pytest.raises(MultigraftError, match=r"down\.weight has the shapes \(2, 8\) and \(2, 4\) in the layers of en"):
        graft_over(site("encoder", 0), site("encoder", 1, width=4))
