"""A ladder equals its formulas (Sung et al. 2022), computed here with plain tensors, and decodes as it was trained."""

import pytest
import torch
from torch.nn.functional import layer_norm, linear, pad

from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.stack import Insert
from multigraft.core.model.side_methods import sides_of
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import beam, greedy
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import Segment
from multigraft.core.types.tokens import Tokens
from multigraft.plugins.adapters.ladder import build
from multigraft.plugins.adapters.options import LadderOptions
from multigraft.plugins.sharing.per_task import PerTask

LOW = torch.finfo(torch.float64).min


def ladder(**options):
    return build(LadderOptions(kind="ladder", reduction=2, trunk_precision="same", **options), ())


@pytest.fixture
def grafted():
    """A graft of two tasks, each with a ladder of its own, moved by noise."""

    def make(backbone, network, noise=0.4):
        graft, sides = Graft(("vqa", "captions"), Bank(0)), sides_of(network, backbone)
        add_method(graft, Method("ladder", network, tuple(sides), PerTask(), sides=sides))
        graft.bank.allocate(torch.device("cpu"))
        generator = torch.Generator().manual_seed(1)
        for value in graft.bank.trained().values():
            value.data = value.data.double() + noise * torch.randn(value.shape, generator=generator).double()
        return graft

    return make


class Values:
    """The parts of a task, by stack and layer."""

    def __init__(self, graft, task):
        self.graft, self.task = graft, task

    def at(self, stack, layer=None):
        (attachment,) = self.graft.sites[f"{stack}.side" if layer is None else f"{stack}.{layer}.side"]
        return {name: self.graft.bank[key] for name, key in attachment.keys[self.task].items()}


def attention(query, key, value, heads, scores, scale):
    """`(rows, queries, width)`."""
    apart = [x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value)]
    mixed = (apart[0] @ apart[1].transpose(-1, -2) * scale + scores).softmax(-1) @ apart[2]
    return mixed.transpose(1, 2).flatten(-2)


def no_scores(mask):
    """`(rows, 1, 1, keys)`: where there is no token, nothing is read."""
    return torch.zeros(mask.shape).double().masked_fill(~mask, LOW)[:, None, None]


def bart_layer(x, parts, config, scores, memory=None, memory_scores=None):
    """A BART layer of the width of `x` (Lewis et al. 2020): a norm behind each block."""

    def of(name, x):
        return linear(x, parts[f"block.{name}.weight"], parts[f"block.{name}.bias"])

    def normed(name, x):
        return layer_norm(x, x.shape[-1:], parts[f"block.{name}.weight"], parts[f"block.{name}.bias"])

    heads = config.encoder_attention_heads
    scale = (x.shape[-1] // heads) ** -0.5
    for name, read, added in [("self_attn", x, scores), ("encoder_attn", memory, memory_scores)]:
        if read is None:
            continue
        read = x if name == "self_attn" else read
        query, key, value = of(f"{name}.q_proj", x), of(f"{name}.k_proj", read), of(f"{name}.v_proj", read)
        mixed = of(f"{name}.out_proj", attention(query, key, value, heads, added, scale))
        x = normed(f"{name}_layer_norm", x + mixed)
    inner = torch.nn.functional.gelu(of("fc1", x))
    return normed("final_layer_norm", x + of("fc2", inner))


def t5_norm(x, config):
    """Its mean square is taken in 32 bits, as in transformers."""
    return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + config.layer_norm_epsilon)


def t5_layer(x, parts, config, scores, memory=None, memory_scores=None):
    """A T5 layer of the width of `x` (Raffel et al. 2020): a norm before each block, and scores that are not scaled."""

    def normed(x, at):
        return t5_norm(x, config) * parts[f"block.layer.{at}.layer_norm.weight"]

    blocks = [
        ("SelfAttention", None, scores),
        *([("EncDecAttention", memory, memory_scores)] if memory is not None else ()),
    ]
    for at, (name, read, added) in enumerate(blocks):
        own = {each: parts[f"block.layer.{at}.{name}.{each}.weight"] for each in "qkvo"}
        inside = normed(x, at)
        read = inside if read is None else read
        query, key, value = linear(inside, own["q"]), linear(read, own["k"]), linear(read, own["v"])
        x = x + linear(attention(query, key, value, config.num_heads, added, 1.0), own["o"])
    dense = f"block.layer.{len(blocks)}.DenseReluDense"
    inner = linear(normed(x, len(blocks)), parts[f"{dense}.wi.weight"]).relu()
    return x + linear(inner, parts[f"{dense}.wo.weight"])


def t5_biases(backbone, stack, parts, tokens):
    """The side network's own relative biases between places in the text."""
    relative, config = backbone.stacks[stack].relative, backbone.config
    places = torch.arange(tokens)
    buckets = relative._relative_position_bucket(
        places[None] - places[:, None],
        bidirectional=stack == "encoder",
        num_buckets=config.relative_attention_num_buckets,
        max_distance=config.relative_attention_max_distance,
    )
    table = parts["module.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    return table[buckets].permute(2, 0, 1)[None]


LAYERS = {"bart": bart_layer, "t5": t5_layer}


def by_hand(backbone, values, stack, embedded, trunk, scores, kept, gated=True, tokens=None, **memory):
    """The last states of the ladder beside a stack, of the embedded tokens and the trunk's states behind each layer.

    The first `tokens` are text; the trunk has not read all others.
    """
    around, tokens = values.at(stack), tokens or embedded.shape[1]
    state = linear(embedded, around["down.weight"], around["down.bias"])
    if backbone.name == "t5":
        joined = embedded.shape[1] - tokens
        scores = scores + pad(t5_biases(backbone, stack, around, tokens), (0, joined, 0, joined))
    for layer in kept:
        parts = values.at(stack, layer)
        taken = linear(trunk[layer], parts["down.weight"], parts["down.bias"])
        taken = pad(taken, (0, 0, 0, embedded.shape[1] - taken.shape[1]))
        if gated:
            gate = torch.sigmoid(parts["gate"] / 0.1)
            state = gate * state + (1 - gate) * taken
        else:
            state = state + taken
        state = LAYERS[backbone.name](state, parts, backbone.config, scores, **memory)
    if backbone.name == "t5":
        return t5_norm(state, backbone.config) * around["module.final_layer_norm.weight"]
    return state


def trunk_states(backbone, passes_of, stack):
    """Embedded tokens and the states behind both layers, of the trunk without a graft."""
    run = passes_of(taps={"encoder": ["embedding", 1, 2], "decoder": ["embedding", 1, 2]})
    taps = run.output(stack).taps
    return taps["embedding"].states, [taps[1].states, taps[2].states]


def predicted(backbone, values, small, rows, kept=(0, 1), gated=True):
    """States that predict the targets, for the rows of a task."""
    ids, mask, targets = small.ids[rows], small.mask[rows], small.targets[rows]

    def passes_of(taps):
        return Passes(backbone, Texts(ids, mask, targets), NoGraft(), taps=taps)

    embedded, trunk = trunk_states(backbone, passes_of, "encoder")
    memory = by_hand(backbone, values, "encoder", embedded, trunk, no_scores(mask), kept, gated)
    embedded, trunk = trunk_states(backbone, passes_of, "decoder")
    tokens = targets.shape[1]
    causal = (
        torch.zeros(tokens, tokens).double().masked_fill(~torch.ones(tokens, tokens).tril().bool(), LOW)[None, None]
    )
    last = by_hand(
        backbone, values, "decoder", embedded, trunk, causal, kept, gated,
        memory=memory, memory_scores=no_scores(mask),
    )  # fmt: skip
    up = values.at("decoder")
    return linear(last, up["up.weight"], up["up.bias"])


@pytest.mark.parametrize("options", [{}, {"gate_temperature": None}, {"layers": {"encoder": [1], "decoder": [1]}}])
def test_states_are_those_of_the_formulas(options, backbone, small, grafted):
    graft = grafted(backbone, ladder(**options))
    kept = (1,) if "layers" in options else (0, 1)
    found = small.passes(backbone, small.intercept(graft)).target_states()
    for task, rows in (("vqa", slice(0, 2)), ("captions", slice(2, 3))):
        wanted = predicted(backbone, Values(graft, task), small, rows, kept, gated="gate_temperature" not in options)
        torch.testing.assert_close(found[rows], wanted, atol=1e-9, rtol=1e-9)


def test_no_gradient_goes_through_the_trunk(backbone, small, grafted):
    graft = grafted(backbone, ladder())
    for parameter in backbone.parameters():
        parameter.requires_grad_(True)
    small.passes(backbone, small.intercept(graft, training=True)).target_states().square().sum().backward()
    touched = [name for name, each in backbone.named_parameters() if each.grad is not None]
    assert all("shared" in name or "embed" in name for name in touched)
    blind = [key for key in graft.bank.trained() if key.part.endswith("k_proj.bias")]
    moved = [key.text for key, value in graft.bank.trained().items() if key not in blind and not value.grad.any()]
    assert moved == []


@pytest.mark.parametrize("reads", ["text", "all"])
def test_what_joins_is_read_by_the_ladder_and_learns_through_it_alone(reads, backbone, small, grafted):
    graft = grafted(backbone, ladder(trunk_reads=reads))
    joined = torch.randn(3, 2, 16, generator=torch.Generator().manual_seed(3)).double().requires_grad_()
    insert = Insert("encoder", "embedding", "back", lambda text: Tokens(joined))
    texts = Texts(small.ids, small.mask, small.targets)
    passes = Passes(backbone, texts, small.intercept(graft), [insert])
    memory = passes.output("encoder").tokens
    assert memory.states.shape[1] == small.ids.shape[1] + (2 if reads == "all" else 0)
    assert [own.states.shape[1] for own in memory.beside.values()] == [small.ids.shape[1] + 2]
    assert not memory.states.requires_grad
    (gradient,) = torch.autograd.grad(passes.target_states().square().sum(), [joined])
    assert gradient.abs().min() > 0
    run = Passes(backbone, texts, small.intercept(graft), [insert], taps={"encoder": ["embedding", 1, 2]})
    taps = run.output("encoder").taps
    embedded = torch.cat([taps["embedding"].states[:2, : small.ids.shape[1]], joined[:2]], 1)
    trunk, mask = [taps[layer].states[:2] for layer in (1, 2)], pad(small.mask[:2], (0, 2), value=True)
    wanted = by_hand(
        backbone, Values(graft, "vqa"), "encoder", embedded, trunk, no_scores(mask), (0, 1), tokens=small.ids.shape[1]
    )
    (found,) = memory.beside.values()
    torch.testing.assert_close(found.states[:2], wanted, atol=1e-9, rtol=1e-9)


def test_decoding_with_caches_gives_what_whole_passes_give(backbone, small, grafted):
    graft = grafted(backbone, ladder())
    segment, rows = (Segment("vqa", 0, 2),), slice(0, 2)
    intercept = small.intercept(graft, segment)
    begin = small.passes(backbone, intercept, rows).beginning
    whole = small.passes(backbone, intercept, rows).target_states()
    torch.testing.assert_close(begin.predicting(small.targets[rows], intercept), whole, atol=1e-9, rtol=1e-9)
    one = greedy(begin, intercept, Decoding(max_tokens=6))
    alone = beam(begin, intercept, Decoding(beams=1, max_tokens=6))
    kept = one != -100
    assert torch.equal(one[kept], alone[:, : one.shape[1]][kept])


def test_beams_of_several_rows_are_those_of_each_row_alone(backbone, small, grafted):
    graft, decoding = grafted(backbone, ladder()), Decoding(beams=3, max_tokens=5)
    both = small.intercept(graft, (Segment("vqa", 0, 2),))
    together = beam(small.passes(backbone, both, slice(0, 2)).beginning, both, decoding)
    for row in range(2):
        one = small.intercept(graft, (Segment("vqa", 0, 1),))
        alone = beam(small.passes(backbone, one, slice(row, row + 1)).beginning, one, decoding)
        assert together[row].tolist() == alone[0].tolist()


def test_gradients_are_equal_with_checkpointing(backbone, small, grafted):
    graft = grafted(backbone, ladder())
    texts = Texts(small.ids, small.mask, small.targets)

    def gradients(checkpoint):
        passes = Passes(backbone, texts, small.intercept(graft), checkpoint=checkpoint)
        trained = list(graft.bank.trained().values())
        return torch.autograd.grad(passes.target_states().square().sum(), trained)

    for plain, again in zip(gradients(False), gradients(True), strict=True):
        torch.testing.assert_close(plain, again, atol=0, rtol=0)


def test_numbers(backbone, grafted):
    """`(d + 1) w + 1` a layer, `(d + 1) w` a stack, `(w + 1) d` behind the last, and the narrow layers."""
    d, w, inner = 16, 8, 12
    layers = {
        "bart": (4 * (w * w + w) + 2 * w * inner + inner + w + 4 * w, 4 * (w * w + w) + 2 * w),
        "t5": (4 * w * 2 * 3 + 2 * w * inner + 2 * w, 4 * w * 2 * 3 + w),
    }[backbone.name]
    table = {"bart": 0, "t5": 32 * 2 + w}[backbone.name]
    whole = 2 * 2 * layers[0] + 2 * layers[1] + 2 * table + 6 * (d + 1) * w + 4 + (w + 1) * d
    graft = grafted(backbone, ladder())
    assert sum(value.numel() for value in graft.bank.trained().values()) == 2 * whole


def test_a_gate_starts_at_a_half(backbone, grafted):
    parts = Values(grafted(backbone, ladder(), noise=0.0), "vqa").at("encoder", 1)
    own, taken = torch.full((1, 1, 8), 3.0), torch.full((1, 1, 8), 5.0)
    assert ladder().join(own, taken, parts).unique().tolist() == [4.0]
