"""Rows behind the word table that no text has, and tokenizers that are fetched only when they are needed."""

import pytest
import torch

from multigraft.core.errors import OptionError
from multigraft.plugins.backbones import bart, bert, decoder, t5
from multigraft.plugins.backbones.options import BartOptions, BertOptions, DecoderOptions, T5Options

BART = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "vocab_size": 4000}  # fmt: skip
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": 384}
OTHERS = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
FAMILIES = {
    "bart": (bart.build, BartOptions, BART),
    "t5": (t5.build, T5Options, T5),
    "bert": (bert.build, BertOptions, OTHERS | {"vocab_size": 4000}),
    "decoder": (decoder.build, DecoderOptions, OTHERS | {"vocab_size": 5000}),
}


def built(family, **options):
    build, kind, architecture = FAMILIES[family]
    return build(kind(kind=family, **{"weights": "random", "architecture": architecture, **options}))


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_behind_the_word_table(family):
    plain, more, other = (built(family, **each) for each in ({}, {"extra_tokens": 50}, {"seed": 1}))
    torch.rand(1)
    again = built(family, extra_tokens=50)
    words = plain.word_table().shape[0]
    table = more.word_table()
    assert table.shape == (words + 50, 16)
    assert torch.equal(table[:words], plain.word_table())
    assert 0.5 < table[words:].std() / plain.word_table().std() < 2
    assert more.fingerprint() == again.fingerprint()
    assert len({each.fingerprint() for each in (plain, more, other)}) == 3
    assert not any(parameter.requires_grad for parameter in more.parameters())
    assert more.sites()[0].width_in == words + 50


@pytest.mark.parametrize("family", ["bart", "t5"])
def test_they_have_no_text(family):
    backbone = built(family, extra_tokens=50)
    last = backbone.word_table().shape[0] - 1
    some = backbone.tokenize_targets(["red"])
    assert backbone.detokenize(torch.cat([some, torch.tensor([[last]])], 1)) == backbone.detokenize(some) == ["red"]


@pytest.mark.parametrize("family", ["bart", "t5"])
def test_a_model_is_counted_without_its_tokenizer(family, tmp_path):
    (tmp_path / "empty").mkdir()
    given = f"path:{tmp_path / 'empty'}"
    with torch.device("meta"):
        backbone = built(family, weights=given, extra_tokens=50)
    assert backbone.word_table().shape[0] == FAMILIES[family][2]["vocab_size"] + 50
    with pytest.raises(OptionError, match=r"tokenizer path:.*empty cannot be loaded"):
        backbone.tokenize(["red"])
