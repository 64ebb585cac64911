"""Tiny backbones of each family with loud random weights, and what they are compared with."""

from types import SimpleNamespace

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from multigraft.plugins.backbones.bart import BartBackbone
from multigraft.plugins.backbones.decoder import DecoderBackbone
from multigraft.plugins.backbones.gpt2 import Gpt2Backbone
from multigraft.plugins.backbones.t5 import T5Backbone

VOCABULARY, PAD, END = 14, 0, 1
SPECIAL = {"pad_token_id": PAD, "eos_token_id": END, "vocab_size": VOCABULARY}
BART = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 30,
    "bos_token_id": 3, "forced_eos_token_id": None, "decoder_start_token_id": 2,
}  # fmt: skip
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 2}
LLAMA = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 24, "max_position_embeddings": 64, "bos_token_id": 3,
}  # fmt: skip

GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_inner": 24, "n_positions": 24, "bos_token_id": 3}


class Letters:
    """`a` is 4, `b` is 5, and so on."""

    bos_token_id = eos_token_id = pad_token_id = None

    def __call__(self, texts, add_special_tokens):
        return {"input_ids": [[ord(letter) - ord("a") + 4 for letter in text] for text in texts]}


def loud(model, seed):
    """Large random weights, the end token's among them, so that outputs differ and end at different lengths."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        model.get_input_embeddings().weight[END] *= 3
    return model.double().eval()


def bart(seed):
    return BartBackbone(loud(BartForConditionalGeneration(BartConfig(**SPECIAL, **BART)), seed), Letters(), "bart")


def t5(seed):
    model = T5ForConditionalGeneration(T5Config(**SPECIAL, **T5))
    return T5Backbone(loud(model, seed), Letters())


def decoder(seed):
    model = LlamaForCausalLM(LlamaConfig(**SPECIAL, **LLAMA, tie_word_embeddings=True))
    return DecoderBackbone(loud(model, seed), Letters())


def gpt2(seed):
    return Gpt2Backbone(loud(GPT2LMHeadModel(GPT2Config(**SPECIAL, **GPT2)), seed), Letters())


@pytest.fixture(scope="session")
def families():
    """Each family's backbone for a seed; its vocabulary is `VOCABULARY`, its end `END`."""
    return SimpleNamespace(bart=bart, t5=t5, decoder=decoder, gpt2=gpt2)
