"""Our own layer loops give what transformers' forward and cached decoding give."""

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    ByT5Tokenizer,
    T5Config,
    T5ForConditionalGeneration,
)

from multigraft.core.interfaces.interceptor import NoGraft
from multigraft.plugins.backbones.bart import BartBackbone
from multigraft.plugins.backbones.t5 import T5Backbone

SMALL_BART = {
    "vocab_size": 60, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 30,
}  # fmt: skip
SMALL_T5 = {"vocab_size": 60, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2,
            "decoder_start_token_id": 0}  # fmt: skip


def bart() -> BartBackbone:
    torch.manual_seed(0)
    model = BartForConditionalGeneration(BartConfig(**SMALL_BART)).eval()
    return BartBackbone(model, ByT5Tokenizer(), "bart")


def t5(**changes: object) -> T5Backbone:
    torch.manual_seed(0)
    return T5Backbone(T5ForConditionalGeneration(T5Config(**SMALL_T5, **changes)).eval(), ByT5Tokenizer())


BACKBONES = {
    "bart": bart,
    "t5": t5,
    "t5 gated, untied": lambda: t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False),
}


@pytest.fixture(params=BACKBONES)
def backbone(request):
    return BACKBONES[request.param]().double()


@pytest.fixture
def text():
    ids = torch.tensor([[4, 7, 9, 2, 5], [8, 3, 6, 1, 1]])
    return ids, torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()


def test_logits_under_teacher_forcing(backbone, text):
    ids, mask = text
    targets = torch.tensor([[5, 6, 7], [9, 2, -100]])
    intercept = NoGraft()
    ours = backbone.head(backbone.decode(backbone.encode(ids, mask, None, None, intercept), targets, intercept))
    theirs = backbone.model(input_ids=ids, attention_mask=mask.long(), labels=targets).logits
    kept = targets != -100
    torch.testing.assert_close(ours[kept], theirs[kept])


def test_steps_with_caches_equal_one_pass(backbone, text):
    intercept = NoGraft()
    encoded = backbone.encode(*text, None, None, intercept)
    targets = torch.tensor([[5, 6, 7], [9, 2, 8]])
    whole = backbone.head(backbone.decode(encoded, targets, intercept))
    logits, state = backbone.start(encoded, intercept)
    for position in range(3):
        torch.testing.assert_close(logits, whole[:, position])
        logits, state = backbone.step(targets[:, position], state, intercept)


def test_a_visual_prompt_behind_padding_does_not_see_the_padding(backbone):
    intercept = NoGraft()
    prompt, prompt_mask = torch.randn(1, 3, 16, dtype=torch.float64), torch.ones(1, 3).bool()
    short = torch.tensor([[4, 7, 9]])
    padded = torch.tensor([[4, 7, 9, 1, 1]])
    alone = backbone.encode(short, torch.ones(1, 3).bool(), prompt, prompt_mask, intercept).states
    beside = backbone.encode(padded, torch.tensor([[1, 1, 1, 0, 0]]).bool(), prompt, prompt_mask, intercept).states
    torch.testing.assert_close(alone[:, :3], beside[:, :3])
    torch.testing.assert_close(alone[:, 3:], beside[:, 5:])


def test_every_site_is_called_and_names_a_module(backbone, text):
    class Recorder(NoGraft):
        def __init__(self):
            super().__init__()
            self.seen = set()

        def linear(self, site, module, x):
            self.seen.add(site)
            assert module is backbone.model.get_submodule(sites[site].module)
            return super().linear(site, module, x)

        def norm(self, site, module, x):
            self.seen.add(site)
            assert module is backbone.model.get_submodule(sites[site].module)
            return super().norm(site, module, x)

        def block(self, site, x, output):
            self.seen.add(site)
            assert output.shape[-1] == sites[site].width_out
            return super().block(site, x, output)

    sites = {site.name: site for site in backbone.sites()}
    intercept = Recorder()
    backbone.decode(backbone.encode(*text, None, None, intercept), torch.tensor([[5], [6]]), intercept)
    assert intercept.seen == set(sites)
    assert len(sites) == len(backbone.sites())


def test_texts_survive_the_tokenizer():
    backbone = t5()
    ids, mask = backbone.tokenize(["ab", "c"])
    assert mask.tolist() == [[True, True, True], [True, True, False]]
    assert backbone.detokenize(ids) == ["ab", "c"]
    assert backbone.tokenize_targets(["ab", "c"]).tolist()[1][-1] == -100
    assert backbone.tokenize(["abcdef"], limit=3)[0].shape == (1, 3)
