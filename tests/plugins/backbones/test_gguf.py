"""Decoder-only models of one GGUF file, in a folder or in an installed package, are those that were written there."""

import sys

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from multigraft import OptionError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.plugins.backbones.bart import build as build_bart
from multigraft.plugins.backbones.decoder import build
from multigraft.plugins.backbones.options import BartOptions, DecoderOptions

gguf = pytest.importorskip("gguf", reason="GGUF files need gguf")

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TOKENS = [*SPECIAL, "Ġ", *"abcdefghijklmnopqrstuvwxyz", "re", "red", "Ġred", "bo", "box"]
MERGES = ["r e", "re d", "Ġ red", "b o", "bo x"]
TEMPLATE = "{% for message in messages %}<|im_start|>{{ message['content'] }}<|im_end|>{% endfor %}"
SIZES = {"vocab_size": len(TOKENS), "bos_token_id": 1, "eos_token_id": 2}
LLAMA = {
    **SIZES, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 96, "max_position_embeddings": 40, "rms_norm_eps": 1e-5,
}  # fmt: skip
GPT2 = {**SIZES, "n_embd": 64, "n_layer": 2, "n_head": 4}
"""With the 1024 positions and the feed-forward of four widths that transformers takes for granted in such a file."""
MODELS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, tie_word_embeddings=True)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**LLAMA, tie_word_embeddings=False)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**GPT2)),
}
IDS = torch.tensor([[1, 7, 9, 30, 5]])
TEXTS = Texts(IDS, torch.ones_like(IDS, dtype=torch.bool), torch.tensor([[8, 2]]))


def as_stored(kind, name, value, config):
    """A tensor as llama.cpp keeps it: Llama's queries and keys turned pair by pair, GPT-2's maps as rows."""
    if kind == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
        heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
        return value.reshape(heads, 2, -1, value.shape[1]).swapaxes(1, 2).reshape(value.shape)
    return value.T if kind == "gpt2" and ".c_" in name and name.endswith(".weight") else value


def write(file, kind, model, quantized=False, more=lambda writer: None, without=()):
    """A GGUF file of a model with the tokenizer above."""
    config, writer = model.config, gguf.GGUFWriter(file, kind)
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(256 if kind == "gpt2" else 96)
    writer.add_head_count(config.num_attention_heads)
    if kind == "gpt2":
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        writer.add_rope_dimension_count(16)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(TOKENS) - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    more(writer)
    arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == kind)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    for name, value in model.state_dict().items():
        stored = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if name in tied or stored in without:
            continue
        array = np.ascontiguousarray(as_stored(kind, name, value, config).numpy())
        kept = gguf.GGMLQuantizationType.Q8_0 if quantized and array.ndim > 1 else None
        writer.add_tensor(stored, array if kept is None else gguf.quants.quantize(array, kept), raw_dtype=kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def random(kind):
    torch.manual_seed(0)
    model = MODELS[kind]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.3)
    return model


def built(weights, **options):
    return build(DecoderOptions(kind="decoder", weights=weights, **options))


@torch.no_grad()
def logits(backbone):
    return backbone.output(Passes(backbone, TEXTS, NoGraft()).target_states(), NoGraft())[0]


@torch.no_grad()
def theirs(model):
    return model(input_ids=torch.cat([IDS, torch.tensor([[8]])], 1)).logits[0, -2:]


@pytest.mark.parametrize("kind", MODELS)
def test_the_model_and_the_tokenizer_are_those_of_the_file(kind, tmp_path):
    model = random(kind)
    file = write(tmp_path / "tiny.gguf", kind, model)
    backbone = built(f"path:{file}")
    torch.testing.assert_close(logits(backbone), theirs(model), atol=1e-4, rtol=1e-4)
    assert (backbone.origin, backbone.longest.together) == (f"path:{file}", 1024 if kind == "gpt2" else 40)
    assert (backbone.text.begin, backbone.end) == ([1], 2)
    ids = backbone.tokenize(["red box"])[0]
    assert ids[0].tolist() == [1, TOKENS.index("red"), TOKENS.index("Ġ"), TOKENS.index("box")]
    assert backbone.detokenize(ids) == ["red box"]
    assert backbone.text.tokenizer.chat_template == TEMPLATE


def test_quantised_tensors_are_made_dense(tmp_path):
    model = random("llama")
    backbone = built(f"path:{write(tmp_path / 'tiny.gguf', 'llama', model, quantized=True)}")
    found, plain = (each.model.layers[1].mlp.up_proj.weight.detach() for each in (backbone.model, model))
    kept = gguf.GGMLQuantizationType.Q8_0
    rounded = gguf.quants.dequantize(gguf.quants.quantize(plain.numpy(), kept), kept)
    assert torch.equal(found, torch.from_numpy(rounded))
    assert not torch.equal(found, plain)
    with torch.no_grad():
        for parameter, own in zip(model.parameters(), backbone.model.parameters(), strict=True):
            parameter.copy_(own)
    torch.testing.assert_close(logits(backbone), theirs(model), atol=1e-4, rtol=1e-4)


def test_on_the_meta_device_the_config_alone_is_read(tmp_path):
    file = write(tmp_path / "tiny.gguf", "llama", random("llama"))
    with torch.device("meta"):
        backbone = built(f"path:{file}")
    assert backbone.word_table().is_meta
    assert backbone.word_table().shape == (len(TOKENS), 64)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed distribution with two files, whose module must not be imported."""
    site = tmp_path / "site"
    (site / "tiny_model").mkdir(parents=True)
    (site / "tiny_model-1.dist-info").mkdir()
    (site / "tiny_model" / "__init__.py").write_text("raise ImportError('imported')")
    (site / "tiny_model-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-model\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(site))

    def make(*files):
        for file in files:
            write(site / "tiny_model" / file, "llama", random("llama"))
        record = [f"tiny_model/{file},," for file in ("__init__.py", *files)]
        (site / "tiny_model-1.dist-info" / "RECORD").write_text("\n".join(record))

    return make


def test_the_one_file_of_a_package_is_found_without_importing_it(package):
    package("tiny.gguf")
    backbone = built("package:tiny-model")
    assert backbone.origin == "package:tiny-model"
    torch.testing.assert_close(logits(backbone), theirs(random("llama")), atol=1e-4, rtol=1e-4)
    assert "tiny_model" not in sys.modules


def test_of_several_files_one_must_be_named(package):
    package("one.gguf", "two.gguf")
    assert built("package:tiny-model/two.gguf").origin == "package:tiny-model/two.gguf"
    with pytest.raises(OptionError, match="the package tiny-model has several models") as caught:
        built("package:tiny-model")
    assert caught.value.hint == "say package:tiny-model/MODEL: one.gguf, two.gguf"
    with pytest.raises(OptionError, match=r"the package tiny-model has no model too\.gguf"):
        built("package:tiny-model/too.gguf")


def test_a_package_that_is_not_there_or_has_no_such_file(package):
    with pytest.raises(OptionError, match="the package no-such-model is not installed") as caught:
        built("package:no-such-model")
    assert (caught.value.location, caught.value.hint) == (("weights",), "pip install no-such-model")
    package()
    with pytest.raises(OptionError, match=r"the package tiny-model has neither a file NAME\.gguf nor a folder"):
        built("package:tiny-model")


def test_a_file_that_lacks_a_tensor_is_refused(tmp_path):
    file = write(tmp_path / "tiny.gguf", "llama", random("llama"), without=("blk.1.ffn_up.weight",))
    with pytest.raises(OptionError, match=r"lack what this model needs: model\.layers\.1\.mlp\.up_proj\.weight"):
        built(f"path:{file}")


SCALED = {
    "llama.rope.scaling.type": lambda writer: writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR),
    "rope_freqs.weight": lambda writer: writer.add_tensor("rope_freqs.weight", np.ones(8, np.float32)),
}


@pytest.mark.parametrize("name", SCALED)
def test_rotary_frequencies_that_would_be_left_out_are_refused(name, tmp_path):
    file = write(tmp_path / "tiny.gguf", "llama", random("llama"), more=SCALED[name])
    with pytest.raises(OptionError, match=rf"its rotary frequencies are scaled \({name}\)"):
        built(f"path:{file}")


@pytest.mark.parametrize("kept", [0, 3, 200, 4000])
def test_a_damaged_file_is_told(kept, tmp_path):
    file = write(tmp_path / "tiny.gguf", "llama", random("llama"))
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(OptionError, match=rf"weights path:{file} cannot be"):
        built(f"path:{file}")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(OptionError, match=r"there is no file .*none\.gguf"):
        built(f"path:{tmp_path / 'none.gguf'}")


def test_without_the_package_it_is_said_what_brings_it(tmp_path, monkeypatch):
    file = write(tmp_path / "tiny.gguf", "llama", random("llama"))
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(OptionError, match="a GGUF file needs gguf, which is not installed") as caught:
        built(f"path:{file}")
    assert (caught.value.location, caught.value.hint) == (("weights",), "pip install 'multigraft[gguf]'")


@pytest.mark.parametrize("field", ["weights", "tokenizer"])
def test_other_families_read_no_such_files(field):
    given = {"weights": "random", field: "path:tiny.gguf"}
    with pytest.raises(ValueError, match="GGUF files are read by `kind: decoder` alone"):
        build_bart(BartOptions(kind="bart", **given))
