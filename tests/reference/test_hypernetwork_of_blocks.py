"""Hyperformer++ and generated norms, against VL-Adapter's formulas in plain numpy.

No arrays of the reference are stored for these two. The weights here are drawn under the reference's own names and in
its shapes (its `AdapterLayersOneHyperNetController` and `AdapterLayersHyperNetController`).
"""

import numpy
import pytest
import torch

from multigraft.core.types.initial import ones, zeros
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.sharing.hypernetwork import LayerwiseGenerator
from multigraft.plugins.sharing.options import HypernetworkOptions

TASKS = ("vqa", "gqa")
WIDTH, BOTTLENECK, LAYERS, EMBEDDING, HIDDEN, PROJECTED = 16, 4, 2, 6, 10, 5
SHAPES = {
    "pre-norm.weight": (WIDTH,), "pre-norm.bias": (WIDTH,), "down.weight": (BOTTLENECK, WIDTH),
    "down.bias": (BOTTLENECK,), "up.weight": (WIDTH, BOTTLENECK), "up.bias": (WIDTH,),
    "post-norm.weight": (WIDTH,), "post-norm.bias": (WIDTH,),
}  # fmt: skip
BLOCKS = ("feed-forward", "self-attention", "cross-attention")
"""In the order of the reference's rows."""
PLACES = [(task, layer, block) for task in TASKS for layer in range(LAYERS) for block in BLOCKS]


def generator_of(block, part):
    """The reference's name of the linear generator of a part; `block` is empty where one serves all."""
    half, what = part.split(".")
    prefix = f"{block.replace('-', '_')}_" if block else ""
    if half.endswith("norm"):
        return f"hypernet/{prefix}{half.removesuffix('-norm')}_layernorm_hypernet.{what}_generator"
    return f"hypernet/{prefix}{half}_sampler_hyper_net.{what}_generator.0"


def sites_of(stack, layers, blocks, width):
    return [Site(stack, layer, block, "block", None, width, width, "") for layer in range(layers) for block in blocks]


def drawn(plus_plus):
    """Weights of the reference's hypernetwork, by its names."""
    shapes = {f"task_embed/task_to_embeddings.{task}": (EMBEDDING,) for task in TASKS}
    shapes["hypernet/layer_id_embeddings.weight"] = (LAYERS, EMBEDDING)
    if plus_plus:
        shapes["hypernet/adapters_block_type.weight"] = (len(BLOCKS), EMBEDDING)
    sizes = {"0": (HIDDEN, (3 if plus_plus else 2) * EMBEDDING), "2": (PROJECTED, HIDDEN)}
    linears = {f"hypernet/task_hypernet.task_embeding_generator.{name}": size for name, size in sizes.items()}
    for block in [""] if plus_plus else BLOCKS:
        linears |= {generator_of(block, part): (numpy.prod(SHAPES[part]), PROJECTED) for part in SHAPES}
    for name, (out, read) in linears.items():
        shapes |= {f"{name}.weight": (out, read), f"{name}.bias": (out,)}
    shapes |= {f"hypernet/LayerNorm.{kind}": (PROJECTED,) for kind in ("weight", "bias")}
    random = numpy.random.default_rng(3)
    return {name: random.normal(size=shape) for name, shape in shapes.items()}


def made_by_formula(arrays, task, layer, block, part):
    """A part as the reference makes it: joined embeddings, Linear, ReLU, Linear, LayerNorm, linear generator."""

    def linear(name, x):
        return arrays[f"{name}.weight"] @ x + arrays[f"{name}.bias"]

    joined = [arrays[f"task_embed/task_to_embeddings.{task}"], arrays["hypernet/layer_id_embeddings.weight"][layer]]
    types = arrays.get("hypernet/adapters_block_type.weight")
    if types is not None:
        joined.append(types[BLOCKS.index(block)])
    hidden = linear("hypernet/task_hypernet.task_embeding_generator.0", numpy.concatenate(joined))
    x = linear("hypernet/task_hypernet.task_embeding_generator.2", numpy.maximum(hidden, 0))
    x = (x - x.mean()) / numpy.sqrt(x.var() + 1e-6)
    x = x * arrays["hypernet/LayerNorm.weight"] + arrays["hypernet/LayerNorm.bias"]
    return linear(generator_of("" if types is not None else block, part), x).reshape(SHAPES[part])


def their_name(parameter):
    """The reference's name of one of our parameters."""
    where, _, rest = parameter.partition(".")
    tables = {"layer_embeddings": "layer_id_embeddings", "block_embeddings": "adapters_block_type"}
    if where in tables:
        return f"hypernet/{tables[where]}.weight"
    if where == "task_embeddings":
        return f"task_embed/task_to_embeddings.{rest}"
    if where != "generators":
        return f"hypernet/{ {'project': 'task_hypernet.task_embeding_generator', 'norm': 'LayerNorm'}[where] }.{rest}"
    name, _, kind = rest.rpartition(".")
    block, _, part = name.partition("--")
    return f"{generator_of('' if block == 'every-block' else block, part.replace('_', '.'))}.{kind}"


@pytest.fixture(params=[False, True], ids=["hyperformer", "hyperformer++"])
def made(request):
    """(the reference's weights, our generator with them)."""
    arrays = drawn(request.param)
    sites = [
        Site("decoder", layer, block, "block", None, WIDTH, WIDTH, "") for layer in range(LAYERS) for block in BLOCKS
    ]
    parts = [Part(name, shape, ones if name.endswith("norm.weight") else zeros) for name, shape in SHAPES.items()]
    options = HypernetworkOptions(
        kind="hypernetwork", embedding=EMBEDDING, hidden=HIDDEN, projected=PROJECTED, block_embeddings=request.param
    )
    generator = LayerwiseGenerator(options, TASKS, [(site, part) for site in sites for part in parts]).double()
    for name, parameter in generator.named_parameters():
        assert tuple(parameter.shape) == arrays[their_name(name)].shape
        parameter.data = torch.from_numpy(arrays[their_name(name)])
    return arrays, generator


def test_every_weight_of_the_reference_has_its_place(made):
    arrays, generator = made
    assert sorted(their_name(name) for name, _ in generator.named_parameters()) == sorted(arrays)


def test_parts_of_every_task_layer_and_block(made):
    arrays, generator = made
    parts = generator(TASKS)
    for task, layer, block in PLACES:
        for part in SHAPES:
            ours = parts[f"decoder.{layer}.{block}", part][TASKS.index(task)].detach().numpy()
            theirs = made_by_formula(arrays, task, layer, block, part)
            numpy.testing.assert_allclose(ours, theirs, atol=1e-9, rtol=1e-9)


def test_generated_norms_start_near_those_that_change_nothing(made):
    _, generator = made
    for name, parameter in generator.named_parameters():
        parameter.data = generator.initial(name)(tuple(parameter.shape), torch.Generator().manual_seed(1)).double()
    parts = generator(TASKS)
    for norm in ("pre-norm", "post-norm"):
        gains = torch.cat([parts[f"decoder.{layer}.{block}", f"{norm}.weight"] for _, layer, block in PLACES])
        shifts = torch.cat([parts[f"decoder.{layer}.{block}", f"{norm}.bias"] for _, layer, block in PLACES])
        assert (gains - 1).abs().max() < 0.2
        assert shifts.abs().max() < 0.2
        assert gains.std() > 0
        assert shifts.std() > 0


@pytest.mark.parametrize(
    ("layers", "reduction", "plus_plus", "numbers"),
    [
        pytest.param(6, 8, False, 8_579_088 - 1_632_000, id="BART, Hyperformer"),
        pytest.param(6, 8, True, 4_708_592 - 1_632_000, id="BART, Hyperformer++"),
        pytest.param(12, 8, False, 8_534_544 - 1_581_312, id="T5, Hyperformer"),
        pytest.param(12, 4, False, 15_174_384 - 1_581_312, id="T5, Hyperformer, reduction 4"),
    ],
)
def test_both_stacks_have_as_many_numbers_as_the_reference_s(layers, reduction, plus_plus, numbers):
    """What it trains in all, without its visual projection and, in BART, norms."""
    options = HypernetworkOptions(
        kind="hypernetwork", embedding=512, hidden=128, projected=8, block_embeddings=plus_plus
    )
    tasks = ("vqa", "gqa", "nlvr", "caption")
    adapter = Bottleneck(BottleneckOptions(kind="bottleneck", reduction=reduction))
    found = {}
    for stack, blocks in {"encoder": BLOCKS[:2], "decoder": BLOCKS}.items():
        wanted = [(site, part) for site in sites_of(stack, layers, blocks, 768) for part in adapter.parts(site)]
        with torch.device("meta"):
            generator = LayerwiseGenerator(options, tasks, wanted)
        for name, parameter in generator.named_parameters():
            found[name if generator.task_of(name) else f"{stack}.{name}"] = parameter.numel()
    assert sum(found.values()) == numbers
