"""Prefixes equal attention over concatenated keys and values, in encoders, in decoders with caches, and for beams."""

import pytest
import torch

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import beam, greedy
from multigraft.core.types.batch import Segment
from multigraft.plugins.adapters.options import PrefixOptions
from multigraft.plugins.adapters.prefix import build

KINDS = {"direct": {"tokens": 3}, "reparametrised": {"tokens": 3, "reparametrised": {"hidden": 5}}}
MOST = 6


def prefix(**options):
    return build(PrefixOptions(kind="prefix", **options), ())


@pytest.fixture(params=KINDS)
def graft(request, backbone, small):
    return small.grafted(backbone, prefix(**KINDS[request.param]), noise=0.8)


def memory(graft, site, task):
    """Keys and values of a task: each `(heads, tokens, head width)`."""
    attachment = graft.sites[site][0]
    made = attachment.adapter.memory(
        attachment.site, {name: graft.bank[key] for name, key in attachment.keys[task].items()}
    )
    return made.key[0], made.value[0]


def test_numbers_of_a_site(backbone, small):
    for name, options in KINDS.items():
        adapter = prefix(**options)
        site = small.grafted(backbone, adapter).sites["decoder.1.cross-attention.memory"][0].site
        wide = site.memory_heads * site.head_width
        numbers = sum(torch.Size(part.shape).numel() for part in adapter.parts(site))
        assert numbers == {"direct": 2 * 3 * wide, "reparametrised": 3 * 16 + 17 * 5 + 6 * 2 * wide}[name]


def test_it_stands_on_every_attention(backbone, small):
    assert len(small.grafted(backbone, prefix()).sites) == 2 * (1 + 2)


def by_hand(query, key, value, own, scale, scores):
    """Softmax over the prefix and the tokens: `(rows, tokens, heads * head width)`."""
    rows = query.shape[0]
    key, value = (
        torch.cat([front.expand(rows, -1, -1, -1), each], 2) for front, each in zip(own, (key, value), strict=True)
    )
    scores = query @ key.transpose(-1, -2) * scale + torch.nn.functional.pad(scores, (own[0].shape[1], 0))
    return (scores.softmax(-1) @ value).transpose(1, 2).flatten(-2)


def bart_encoder(model, ids, mask, memories):
    """The encoder of transformers' BART with keys and values in front."""
    encoder = model.model.encoder
    x = encoder.layernorm_embedding(encoder.embed_tokens(ids) + encoder.embed_positions(ids))
    scores = torch.zeros(mask.shape, dtype=x.dtype).masked_fill(~mask, -torch.inf)[:, None, None]
    for layer, own in zip(encoder.layers, memories, strict=True):
        attention = layer.self_attn
        heads = [
            project(x).unflatten(-1, (2, -1)).transpose(1, 2)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        ]
        mixed = by_hand(*heads, own, attention.head_dim**-0.5, scores)
        x = layer.self_attn_layer_norm(x + attention.out_proj(mixed))
        x = layer.final_layer_norm(x + layer.fc2(layer.activation_fn(layer.fc1(x))))
    return x


def t5_encoder(model, ids, mask, memories):
    """The encoder of transformers' T5 with keys and values in front, which have no position bias."""
    encoder, x = model.encoder, model.shared(ids)
    bias = encoder.block[0].layer[0].SelfAttention.compute_bias(ids.shape[1], ids.shape[1])
    scores = bias + torch.zeros(mask.shape, dtype=x.dtype).masked_fill(~mask, -torch.inf)[:, None, None]
    for block, own in zip(encoder.block, memories, strict=True):
        attention, normed = block.layer[0].SelfAttention, block.layer[0].layer_norm(x)
        heads = [
            project(normed).unflatten(-1, (2, -1)).transpose(1, 2)
            for project in (attention.q, attention.k, attention.v)
        ]
        x = block.layer[1](x + attention.o(by_hand(*heads, own, 1.0, scores)))
    return encoder.final_layer_norm(x)


def test_the_encoder_is_transformers_with_keys_and_values_in_front(graft, backbone, small):
    ours = small.passes(backbone, small.intercept(graft)).output("encoder").states
    run = {"bart": bart_encoder, "t5": t5_encoder}[backbone.name]
    for segment in small.segments:
        memories = [memory(graft, f"encoder.{layer}.self-attention.memory", segment.task) for layer in range(2)]
        mask = small.mask[segment.rows]
        theirs = run(backbone.model, small.ids[segment.rows], mask, memories)
        torch.testing.assert_close(ours[segment.rows][mask], theirs[mask])


class ByHand(NoGraft):
    """The trunk of one task whose attentions are worked out by hand, prefix in front."""

    def __init__(self, graft, task):
        super().__init__()
        self.graft, self.task = graft, task

    def attention(self, site, call):
        own, scores = memory(self.graft, site, self.task), call.mask
        if scores is None:
            scores = call.query.new_zeros(1, 1, 1, call.memory.key.shape[2])
        elif scores.dtype == torch.bool:
            scores = torch.zeros(scores.shape, dtype=call.query.dtype).masked_fill(~scores, -torch.inf)
        scale = call.scale or call.query.shape[-1] ** -0.5
        scores = scores.expand(*scores.shape[:-1], call.memory.key.shape[2])
        return by_hand(call.query, call.memory.key, call.memory.value, own, scale, scores.to(call.query.dtype))


def test_self_and_cross_attention_of_the_decoder(graft, backbone, small):
    ours = small.passes(backbone, small.intercept(graft)).target_states()
    for segment in small.segments:
        theirs = small.passes(backbone, ByHand(graft, segment.task), segment.rows).target_states()
        torch.testing.assert_close(ours[segment.rows], theirs)
    assert not torch.allclose(ours, small.passes(backbone).target_states(), atol=0.1)


def test_steps_with_caches_equal_one_pass(graft, backbone, small):
    intercept = small.intercept(graft)
    run = small.passes(backbone, intercept)
    whole, at = backbone.output(run.target_states(), intercept), run.beginning
    for position in range(small.targets.shape[1]):
        torch.testing.assert_close(at.logits(intercept), whole[:, position])
        _, at = at.extend(small.targets[:, position : position + 1], intercept)


@pytest.mark.parametrize("beams", [1, 3])
def test_beams_of_a_mixed_batch_equal_those_of_each_row_alone(beams, graft, backbone, small):
    search = beam if beams > 1 else greedy
    decoding = Decoding(beams=beams, max_tokens=MOST)

    def outputs(rows, segments):
        intercept = small.intercept(graft, segments)
        return search(small.passes(backbone, intercept, rows).beginning, intercept, decoding).tolist()

    together = outputs(slice(None), small.segments)
    for row, task in enumerate(("vqa", "vqa", "captions")):
        [alone] = outputs(slice(row, row + 1), (Segment(task, 0, 1),))
        longest = max(len(alone), len(together[row]))
        fill = [each + [-100] * (longest - len(each)) for each in (alone, together[row])]
        assert fill[0] == fill[1]
