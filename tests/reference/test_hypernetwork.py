"""Hypernetworks make the reference's parts, and the adapters with them give its outputs."""

import pytest
import torch

from multigraft.core.interfaces.adapter import SiteCall
from multigraft.core.types.initial import zeros
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.sharing.hypernetwork import LayerwiseGenerator
from multigraft.plugins.sharing.options import HypernetworkOptions

TASKS = ("vqa", "gqa", "nlvr", "caption")
SHAPES = {"down.weight": (4, 16), "down.bias": (4,), "up.weight": (16, 4), "up.bias": (16,)}
BLOCKS = {
    "encoder": ("self-attention", "feed-forward"),
    "decoder": ("self-attention", "cross-attention", "feed-forward"),
}


def site(stack, layer, block):
    return Site(stack, layer, block, "block", None, 16, 16, "")


def their_name(parameter):
    """`generators.self-attention--down_weight.bias` and the like, in the reference's words."""
    kind = parameter.rpartition(".")[2]
    if parameter.startswith("task_embeddings."):
        return f"task_embed/task_to_embeddings.{kind}"
    if parameter == "layer_embeddings":
        return "hypernet/layer_id_embeddings.weight"
    if parameter.startswith("project."):
        return f"hypernet/task_hypernet.task_embeding_generator.{parameter.removeprefix('project.')}"
    if parameter.startswith("norm."):
        return f"hypernet/LayerNorm.{kind}"
    block, _, part = parameter.split(".")[1].partition("--")
    half, what = part.split("_")
    return f"hypernet/{block.replace('-', '_')}_{half}_sampler_hyper_net.{what}_generator.0.{kind}"


@pytest.fixture(params=BLOCKS)
def made(request, vectors):
    """(arrays, stack, a filled generator)."""
    stack, arrays = request.param, vectors(f"hyperformer_{request.param}")
    parts = [Part(name, shape, zeros) for name, shape in SHAPES.items()]
    wanted = [(site(stack, layer, block), part) for layer in range(3) for block in BLOCKS[stack] for part in parts]
    options = HypernetworkOptions(kind="hypernetwork", embedding=6, hidden=10, projected=5)
    generator = LayerwiseGenerator(options, TASKS, wanted).double()
    for name, parameter in generator.named_parameters():
        assert parameter.shape == arrays[their_name(name)].shape
        parameter.data = arrays[their_name(name)]
    return arrays, stack, generator


def test_every_weight_of_the_reference_has_its_place(made):
    arrays, _, generator = made
    ours = {their_name(name) for name, _ in generator.named_parameters()}
    assert ours == {name for name in arrays if name.startswith(("hypernet/", "task_embed/"))}


def test_generated_parts(made, close):
    arrays, stack, generator = made
    parts = {place: value[0] for place, value in generator(["vqa"]).items()}
    for block in BLOCKS[stack]:
        for part in SHAPES:
            theirs = arrays[f"gen/vqa/1/{block.replace('-', '_')}/{part.replace('.', '/')}"]
            close(parts[f"{stack}.1.{block}", part], theirs)


def test_outputs_of_the_generated_adapters(made, close):
    arrays, stack, generator = made
    adapter = Bottleneck(BottleneckOptions(kind="bottleneck", width=4))
    compared = 0
    for name, theirs in arrays.items():
        if not name.startswith("out/"):
            continue
        _, task, layer, block = name.replace("_", "-").split("/")
        place = site(stack, int(layer), block)
        parts = {part: generator([task])[place.name, part][0] for part in SHAPES}
        call = SiteCall(place, arrays["x"], arrays["x"], None, None, training=False)
        close(adapter.after(call, parts), theirs)
        compared += 1
    assert compared >= 2 * 2 * len(BLOCKS[stack])


def test_tasks_and_layers_differ(made):
    _, stack, generator = made
    first = f"{stack}.0.self-attention", "up.weight"
    assert not torch.equal(generator(["vqa"])[first], generator(["gqa"])[first])
    assert not torch.equal(generator(["vqa"])[first], generator(["vqa"])[f"{stack}.1.self-attention", "up.weight"])
