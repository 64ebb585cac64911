"""Hypernetworks: a network for each stack, and one embedding of a task for all of them."""

import pytest
import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank, Key
from multigraft.core.graft.operands import generate
from multigraft.core.graft.saving import GraftError, load_graft, save_graft
from multigraft.core.types.batch import Segment
from multigraft.core.types.initial import copy_of, normal, ones, zeros
from multigraft.core.types.owner import Owner
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.ia3 import Ia3
from multigraft.plugins.adapters.options import BottleneckOptions, Ia3Options
from multigraft.plugins.sharing import hypernetwork
from multigraft.plugins.sharing.options import HypernetworkOptions

TASKS = ("vqa", "captions")


OPTIONS = HypernetworkOptions(kind="hypernetwork", embedding=6, hidden=5, projected=3)


PLUS_PLUS = OPTIONS.model_copy(update={"block_embeddings": True})


def graft_over(*sites, options=OPTIONS):
    rule = hypernetwork.build(options, TASKS)
    graft = Graft(TASKS, Bank(0))
    add_method(graft, Method("bottleneck", Bottleneck(BottleneckOptions(kind="bottleneck", width=2)), sites, rule))
    graft.bank.allocate(torch.device("cpu"))
    return graft


def site(stack, layer, width=8, block="feed-forward"):
    return Site(stack, layer, block, "block", None, width, width, "")


@pytest.fixture(params=[OPTIONS, PLUS_PLUS], ids=["hyperformer", "hyperformer++"])
def graft(request):
    places = site("encoder", 0), site("encoder", 1), site("decoder", 0), site("decoder", 1)
    return graft_over(*places, options=request.param)


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


def test_blocks_of_other_shapes_are_refused_where_one_generator_serves_all():
    places = site("encoder", 0), site("encoder", 0, width=4, block="self-attention")
    graft_over(*places)
    said = r"\(encoder\.0\.feed-forward, encoder\.0\.self-attention\); leave `block_embeddings` out, choose `sites`"
    with pytest.raises(MultigraftError, match=said):
        graft_over(*places, options=PLUS_PLUS)


def test_block_types_have_rows_in_the_reference_s_order_in_every_stack_and_other_blocks_come_after():
    blocks = "mixer", "self-attention", "feed-forward"
    wanted = [(site("encoder", 3, block=block), Part("scale", (2,), ones)) for block in blocks]
    generator = hypernetwork.LayerwiseGenerator(PLUS_PLUS, TASKS, wanted)
    assert generator.block_embeddings.shape == (4, 6)
    assert generator.blocks == ["feed-forward", "self-attention", "cross-attention", "mixer"]


def biases(*starts):
    """What the generator of one part of three numbers has as its bias, for a start value in each layer."""
    wanted = [(site("encoder", layer), Part("scale", (3,), start)) for layer, start in enumerate(starts)]
    generator = hypernetwork.LayerwiseGenerator(OPTIONS, TASKS, wanted)
    return generator.initial("generators.feed-forward--scale.bias")((3,), torch.Generator().manual_seed(7)).tolist()


def test_a_generator_starts_around_what_its_part_would_start_from():
    assert biases(ones, ones) == [1, 1, 1]
    assert biases(zeros, zeros) == [0, 0, 0]
    assert biases(normal(0.0, mean=0.5)) == [0.5, 0.5, 0.5]
    assert biases(*[copy_of(torch.tensor([1.0, 2.0, 3.0]))] * 2) == [1, 2, 3]


def test_a_start_that_is_random_or_differs_between_layers_is_not_taken():
    assert biases(normal(0.02), normal(0.02)) == [0, 0, 0]
    assert biases(ones, zeros) == [0, 0, 0]
    assert biases(ones, normal(0.02)) == [0, 0, 0]


def test_the_bias_is_in_the_order_of_the_part_s_numbers():
    start = torch.arange(6.0).view(2, 3)
    wanted = [(site("encoder", 0), Part("table", (2, 3), copy_of(start)))]
    generator = hypernetwork.LayerwiseGenerator(OPTIONS, TASKS, wanted)
    for name, parameter in generator.named_parameters():
        parameter.data = generator.initial(name)(tuple(parameter.shape), torch.Generator().manual_seed(1))
    made = generator(["vqa"])["encoder.0.feed-forward", "table"]
    assert (made[0] - start).abs().max() < 0.2


def test_generated_scales_start_around_one():
    rule = hypernetwork.build(OPTIONS, TASKS)
    graft = Graft(TASKS, Bank(0))
    sites = [Site("encoder", layer, "feed-forward", "projection", "down", 24, 8, "") for layer in (0, 1)]
    add_method(graft, Method("ia3", Ia3(Ia3Options(kind="ia3")), tuple(sites), rule))
    graft.bank.allocate(torch.device("cpu"))
    for made in generate(graft, (Segment("vqa", 0, 1), Segment("captions", 1, 2))).values():
        for scale in made:
            assert scale.shape == (24,)
            assert 0 < (scale - 1).abs().max() < 0.15
