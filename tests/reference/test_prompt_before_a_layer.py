"""A prompt made of a picture by the CLS state before layer K of a BERT gives Dynamic Visual Prompting's numbers."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import linear
from transformers import BertConfig, BertForMaskedLM

from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.stack import Insert
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import Segment
from multigraft.core.types.tokens import Tokens
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.backbones.attention import split_heads
from multigraft.plugins.backbones.bert import BertBackbone
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer
from multigraft.plugins.sharing.single import Single

CONFIG = {
    "vocab_size": 40, "hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 3, "intermediate_size": 48,
    "max_position_embeddings": 16, "layer_norm_eps": 1e-12,
}  # fmt: skip
PARTS = {"down": "down_sampler", "up": "up_sampler"}


@pytest.fixture(scope="module")
def arrays(vectors):
    return vectors("dvp_bert_insert")


@pytest.fixture(scope="module")
def backbone(arrays):
    model = BertForMaskedLM(BertConfig(**CONFIG)).double()
    state = {name: value for name, value in arrays.items() if name.startswith("bert.")}
    assert not model.load_state_dict(state, strict=False).unexpected_keys
    assert {name for name, _ in model.named_parameters() if name.startswith("bert.")} == set(state)
    return BertBackbone(model, sapling_tokenizer())


@pytest.fixture(scope="module")
def adapted(arrays, backbone):
    """A graft with two adapters a layer, behind attention and behind the feed-forward."""
    graft = Graft(("vqa",), Bank(0))
    adapter = Bottleneck(BottleneckOptions(kind="bottleneck", width=3, activation="relu"))
    blocks = tuple(site for site in backbone.sites() if site.kind == "block")
    add_method(graft, Method("bottleneck", adapter, blocks, Single()))
    graft.bank.allocate(torch.device("cpu"))
    for site in blocks:
        number = 2 * site.layer + (site.block == "feed-forward")
        for part, key in graft.sites[site.name][0].keys["vqa"].items():
            half, kind = part.split(".")
            graft.bank[key].data = arrays[f"adapters.{number}.{PARTS[half]}.{kind}"]
    return make_interceptor(graft, [Segment("vqa", 0, 3)], training=False)


def cross_attention(arrays, query):
    """What queries `(rows, queries, width)` read of the visual features."""

    def project(name, x):
        return linear(x, arrays[f"cross_attn.linear_{name}.weight"], arrays[f"cross_attn.linear_{name}.bias"])

    given = {"q": query, "k": arrays["visual_features"], "v": arrays["visual_features"]}
    q, k, v = (split_heads(project(name, x), int(arrays["num_heads"])) for name, x in given.items())
    read = torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5, -1) @ v
    return project("merge", read.transpose(1, 2).flatten(2))


def prompt_at(layer, arrays, seen):
    """The prompt in front of a layer; `seen` keeps what it was made of and what was made."""
    types = arrays["modality_type_embedding.weight"]

    def make(states):
        query = states.states[:, :1]
        prompt = cross_attention(arrays, query)
        seen.update(query_cls=query, visual_prompt=prompt)
        return Tokens(prompt + types[1])

    return Insert("encoder", layer, "front", make, mark=lambda states: states + types[0])


@pytest.mark.parametrize("layer", range(4))
@pytest.mark.parametrize("adapter", [0, 1])
def test_states_and_summary(adapter, layer, arrays, backbone, adapted):
    seen: dict[str, torch.Tensor] = {}
    texts = Texts(arrays["input_ids"], arrays["text_attention_mask"].bool(), torch.zeros(3, 1, dtype=torch.long))
    insert = prompt_at(layer, arrays, seen)
    run = Passes(backbone, texts, adapted if adapter else NoGraft(), [insert])
    seen.update(last_hidden=run.output("encoder").tokens.states, cls_feature=run.summary())
    for name, ours in seen.items():
        theirs = arrays[f"adapter{adapter}.K{layer}.{name}"]
        torch.testing.assert_close(ours.detach(), theirs, atol=1e-5, rtol=1e-5, msg=lambda text, name=name: name + text)


def test_the_reference_needs_the_mark(arrays, backbone):
    texts = Texts(arrays["input_ids"], arrays["text_attention_mask"].bool(), torch.zeros(3, 1, dtype=torch.long))
    unmarked = replace(prompt_at(2, arrays, {}), mark=None)
    ours = Passes(backbone, texts, NoGraft(), [unmarked]).summary()
    assert (ours - arrays["adapter0.K2.cls_feature"]).abs().max() > 1e-3
