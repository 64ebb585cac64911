"""Our own layer loops give what transformers' forward and cached decoding give."""

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    ByT5Tokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.stack import Insert
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.tokens import Tokens
from multigraft.plugins.backbones.bart import BartBackbone
from multigraft.plugins.backbones.decoder import DecoderBackbone
from multigraft.plugins.backbones.gpt2 import Gpt2Backbone
from multigraft.plugins.backbones.t5 import T5Backbone

SMALL_BART = {
    "vocab_size": 60, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 30,
}  # fmt: skip
SMALL_T5 = {"vocab_size": 60, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2,
            "decoder_start_token_id": 0}  # fmt: skip

SMALL_LLAMA = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 24, "head_dim": 6,
}  # fmt: skip


def bart() -> BartBackbone:
    torch.manual_seed(0)
    model = BartForConditionalGeneration(BartConfig(**SMALL_BART)).eval()
    return BartBackbone(model, ByT5Tokenizer(), "bart")


def t5(**changes: object) -> T5Backbone:
    torch.manual_seed(0)
    return T5Backbone(T5ForConditionalGeneration(T5Config(**SMALL_T5, **changes)).eval(), ByT5Tokenizer())


def decoder() -> DecoderBackbone:
    torch.manual_seed(0)
    return DecoderBackbone(LlamaForCausalLM(LlamaConfig(**SMALL_LLAMA)).eval(), ByT5Tokenizer())


def gpt2() -> Gpt2Backbone:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=60, n_embd=16, n_layer=2, n_head=4, n_positions=30, bos_token_id=1, eos_token_id=1)
    return Gpt2Backbone(GPT2LMHeadModel(config).eval(), ByT5Tokenizer())


ENCODER_DECODERS = {
    "bart": bart,
    "t5": t5,
    "t5 gated, untied": lambda: t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False),
}
BACKBONES = ENCODER_DECODERS | {"decoder": decoder, "gpt2": gpt2}


@pytest.fixture(params=BACKBONES)
def backbone(request):
    return BACKBONES[request.param]().double()


@pytest.fixture(params=ENCODER_DECODERS)
def encoder_decoder(request):
    return BACKBONES[request.param]().double()


@pytest.fixture
def text():
    ids = torch.tensor([[4, 7, 9, 2, 5], [8, 3, 6, 1, 1]])
    return ids, torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()


def passes(backbone, text, targets=None, intercept=None, **options):
    """Of rows without a graft."""
    ids, mask = text
    texts = Texts(ids, mask, torch.full((len(ids), 1), 5) if targets is None else targets)
    return Passes(backbone, texts, intercept or NoGraft(), **options)


def test_logits_under_teacher_forcing(encoder_decoder, text):
    ids, mask = text
    targets = torch.tensor([[5, 6, 7], [9, 2, -100]])
    ours = encoder_decoder.output(passes(encoder_decoder, text, targets).target_states(), NoGraft())
    theirs = encoder_decoder.model(input_ids=ids, attention_mask=mask.long(), labels=targets).logits
    kept = targets != -100
    torch.testing.assert_close(ours[kept], theirs[kept])


@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_taps_at_every_layer(stack, encoder_decoder, text):
    ids, mask = text
    targets = torch.tensor([[5, 6, 7], [9, 2, 8]])
    run = passes(encoder_decoder, text, targets, taps={stack: ["embedding", 0, 1]})
    taps = run.output(stack).taps
    found = encoder_decoder.model(input_ids=ids, attention_mask=mask.long(), labels=targets, output_hidden_states=True)[
        f"{stack}_hidden_states"
    ]
    kept = mask if stack == "encoder" else torch.ones(2, 3).bool()
    for at, theirs in zip(("embedding", 0, 1), (found[0], *found), strict=False):
        torch.testing.assert_close(taps[at].states[kept], theirs[kept])


def test_steps_with_caches_equal_one_pass(backbone, text):
    targets, intercept = torch.tensor([[5, 6, 7], [9, 2, 8]]), NoGraft()
    run = passes(backbone, text, targets)
    whole, at = backbone.output(run.target_states(), intercept), run.beginning
    for position in range(3):
        torch.testing.assert_close(at.logits(intercept), whole[:, position])
        _, at = at.extend(targets[:, position : position + 1], intercept)


def test_tokens_behind_marked_ones_are_refused(backbone, text):
    prompt = Tokens(torch.zeros(2, 1, 16, dtype=torch.float64))
    marking = Insert("decoder", 1, "front", lambda text: prompt, mark=lambda states: states + 1)
    at = passes(backbone, text, inserts=[marking]).beginning.select(torch.tensor([1, 0]))
    with pytest.raises(ValueError, match="marked the states of the stack 'decoder': no token can be decoded there"):
        at.extend(torch.tensor([[5], [6]]), NoGraft())


def test_a_visual_prompt_behind_padding_does_not_see_the_padding(encoder_decoder):
    prompt = Tokens(torch.randn(1, 3, 16, dtype=torch.float64))
    behind = [Insert("encoder", "embedding", "back", lambda text: prompt)]
    short, padded = torch.tensor([[4, 7, 9]]), torch.tensor([[4, 7, 9, 1, 1]])
    mask = torch.tensor([[1, 1, 1, 0, 0]]).bool()
    alone = passes(encoder_decoder, (short, torch.ones(1, 3).bool()), inserts=behind).output("encoder").tokens.states
    beside = passes(encoder_decoder, (padded, mask), inserts=behind).output("encoder").tokens.states
    torch.testing.assert_close(alone[:, :3], beside[:, :3])
    torch.testing.assert_close(alone[:, 3:], beside[:, 5:])


def test_every_site_is_called_and_names_a_module(backbone, text, recorder):
    intercept = recorder(backbone)
    backbone.output(passes(backbone, text, intercept=intercept).target_states(), intercept)
    assert sorted(intercept.seen) == sorted(site.name for site in backbone.sites())


def test_texts_survive_the_tokenizer():
    backbone = t5()
    ids, mask = backbone.tokenize(["ab", "c"])
    assert mask.tolist() == [[True, True, True], [True, True, False]]
    assert backbone.detokenize(ids) == ["ab", "c"]
    assert backbone.tokenize_targets(["ab", "c"]).tolist()[1][-1] == -100
    assert backbone.tokenize(["abcdef"], limit=3)[0].shape == (1, 3)


def test_every_site_is_told_which_tokens_are_real(encoder_decoder, text):
    class Masks(NoGraft):
        """Keeps the mask that stands when a site is reached."""

        def __init__(self, told, mask=None):
            super().__init__()
            self.told, self.mask = told, mask

        def masked(self, mask):
            return Masks(self.told, mask)

        def linear(self, site, projection, x):
            self.told[site] = self.mask
            return super().linear(site, projection, x)

        def norm(self, site, module, x):
            self.told[site] = self.mask
            return super().norm(site, module, x)

    told = {}
    run = passes(encoder_decoder, text, torch.tensor([[5, 6], [9, 2]]), Masks(told))
    run.target_states()
    for site, mask in told.items():
        of_text = site.startswith("encoder") or site.endswith(("cross-attention.key", "cross-attention.value"))
        assert (mask is not None and torch.equal(mask, text[1])) if of_text else mask is None, site
    assert len(told) > 20
