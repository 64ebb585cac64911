"""Hypernetworks make the reference's parts, and the adapters with them give its outputs."""

import numpy as np
import pytest
import torch

from multigraft.core.errors import MultigraftError
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


def layer_norm(x, gain=1.0, shift=0.0, eps=1e-6):
    return (x - x.mean()) / np.sqrt(x.var() + eps) * gain + shift


class PlusPlus:
    """Hyperformer++ by its formulas, in numpy: task, layer and block embedding joined, one generator for all blocks."""

    rows = ("feed-forward", "self-attention", "cross-attention")

    def __init__(self, generator):
        self.values = {name: value.detach().numpy() for name, value in generator.named_parameters()}

    def linear(self, name, x):
        return self.values[f"{name}.weight"] @ x + self.values[f"{name}.bias"]

    def vector(self, task, layer, block):
        embeddings = [self.values["layer_embeddings"][layer], self.values["block_embeddings"][self.rows.index(block)]]
        hidden = self.linear("project.0", np.concatenate([self.values[f"task_embeddings.{task}"], *embeddings]))
        projected = self.linear("project.2", np.maximum(hidden, 0))
        return layer_norm(projected, self.values["norm.weight"], self.values["norm.bias"])

    def part(self, task, layer, block, name, shape):
        return self.linear(f"generators.-{name.replace('.', '_')}", self.vector(task, layer, block)).reshape(shape)


def drawn(stack, shapes, **options):
    """A generator of some parts whose parameters are all random."""
    parts = [Part(name, shape, zeros) for name, shape in shapes.items()]
    wanted = [(site(stack, layer, block), part) for layer in range(3) for block in BLOCKS[stack] for part in parts]
    given = HypernetworkOptions(kind="hypernetwork", embedding=6, hidden=10, projected=5, **options)
    made = LayerwiseGenerator(given, TASKS, wanted).double()
    random = torch.Generator().manual_seed(0)
    for parameter in made.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=random, dtype=torch.float64)
    return made


@pytest.mark.parametrize("stack", BLOCKS)
def test_one_generator_for_all_blocks(stack, close):
    made = drawn(stack, SHAPES, block_embeddings=True)
    reference, parts = PlusPlus(made), made(["gqa", "caption"])
    assert len(made.generators) == len(SHAPES)
    assert made.block_embeddings.shape == (3, 6)
    for number, task in enumerate(["gqa", "caption"]):
        for layer in range(3):
            for block in BLOCKS[stack]:
                for name, shape in SHAPES.items():
                    theirs = torch.from_numpy(reference.part(task, layer, block, name, shape))
                    close(parts[f"{stack}.{layer}.{block}", name][number], theirs)


def test_blocks_of_other_shapes_need_generators_of_their_own():
    parts = [Part("up.weight", (width, 4), zeros) for width in (16, 24)]
    wanted = [(site("encoder", 0, block), part) for block, part in zip(BLOCKS["encoder"], parts, strict=True)]
    options = {"kind": "hypernetwork", "embedding": 6, "hidden": 10, "projected": 5}
    LayerwiseGenerator(HypernetworkOptions(**options), TASKS, wanted)
    with pytest.raises(MultigraftError, match=r"\(16, 4\) and \(24, 4\) .* leave out `block_embeddings`"):
        LayerwiseGenerator(HypernetworkOptions(**options, block_embeddings=True), TASKS, wanted)
