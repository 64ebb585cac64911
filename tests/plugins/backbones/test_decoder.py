"""Decoder-only models give what transformers gives for each row alone."""

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from multigraft import MultigraftError, OptionError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.plugins.backbones.decoder import backbone_of, build
from multigraft.plugins.backbones.options import DecoderOptions
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

SMALL = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 24, "max_position_embeddings": 40,
}  # fmt: skip
SMALL_GPT2 = {"vocab_size": 60, "n_embd": 16, "n_layer": 3, "n_head": 4, "n_positions": 40}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 20}  # fmt: skip
MODELS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL)),
    "llama, wide heads, tied": lambda: LlamaForCausalLM(LlamaConfig(**SMALL, head_dim=6, tie_word_embeddings=True)),
    "llama 3": lambda: LlamaForCausalLM(LlamaConfig(**SMALL, rope_parameters=LLAMA3)),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**SMALL)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SMALL, head_dim=6)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**SMALL_GPT2)),
    "gpt2, narrow inside, scaled by layer": lambda: GPT2LMHeadModel(
        GPT2Config(**SMALL_GPT2, n_inner=24, scale_attn_by_inverse_layer_idx=True, activation_function="relu")
    ),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SMALL)),
}
TEXTS = torch.tensor([[0, 4, 7, 9, 5], [0, 8, 1, 1, 1], [0, 3, 6, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]]).bool()
TARGETS = torch.tensor([[5, 2, -100], [9, 6, 2], [2, -100, -100]])


@pytest.fixture(params=MODELS)
def backbone(request):
    torch.manual_seed(0)
    model = MODELS[request.param]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.4)
    return backbone_of(model, sapling_tokenizer()).double()


def alone(backbone, row):
    """What transformers makes of a row's real tokens."""
    target = TARGETS[row][TARGETS[row] != -100]
    ids = torch.cat([TEXTS[row][MASK[row]], target[:-1]])[None]
    return backbone.model(input_ids=ids, output_hidden_states=True), len(target)


def passes(backbone, **options):
    return Passes(backbone, Texts(TEXTS, MASK, TARGETS), NoGraft(), **options)


def test_logits_and_states_of_each_layer(backbone):
    run = passes(backbone, taps={"decoder": range(3)})
    logits, output = backbone.output(run.target_states(), NoGraft()), run.output("decoder")
    for row in range(3):
        theirs, count = alone(backbone, row)
        torch.testing.assert_close(logits[row, :count], theirs.logits[0, -count:], atol=1e-5, rtol=1e-5)
        read = theirs.logits.shape[1]
        states = [output.taps[layer].states for layer in range(3)] + [output.states]
        for ours, expected in zip(states, theirs.hidden_states, strict=True):
            torch.testing.assert_close(ours[row, :read], expected[0], atol=1e-5, rtol=1e-5)


def test_steps_with_caches_equal_one_pass(backbone):
    run = passes(backbone)
    whole, at = backbone.output(run.target_states(), NoGraft()), run.beginning
    for number, token in enumerate(TARGETS.unbind(1)):
        counted = token != -100
        torch.testing.assert_close(at.logits(NoGraft())[counted], whole[counted, number], atol=1e-6, rtol=1e-6)
        _, at = at.extend(token.masked_fill(~counted, backbone.pad)[:, None], NoGraft())


def test_recomputation_changes_no_gradient(backbone):
    gradients = []
    for checkpoint in (False, True):
        backbone.requires_grad_(True).zero_grad()
        passes(backbone, checkpoint=checkpoint).target_states()[TARGETS != -100].square().sum().backward()
        gradients.append(backbone.word_table().grad.clone())
    assert gradients[0].abs().sum() > 0
    torch.testing.assert_close(*gradients)


def random_llama(**fields):
    return build(DecoderOptions(kind="decoder", weights="random", architecture=SMALL | {"vocab_size": 5000} | fields))


def test_a_row_is_its_text_and_right_behind_it_the_target_without_its_last_token():
    arranged = random_llama().arrange(TEXTS, MASK, TARGETS)
    read = arranged.inputs["decoder"]
    assert read.ids.tolist() == [[0, 4, 7, 9, 5, 5, 1], [0, 8, 9, 6, 1, 1, 1], [0, 3, 6, 1, 1, 1, 1]]
    assert read.mask.sum(1).tolist() == [6, 4, 3]
    assert arranged.places.tolist() == [[4, 5, 6], [1, 2, 3], [2, 3, 4]]


def test_without_targets_a_row_is_its_text():
    arranged = random_llama().arrange(TEXTS, MASK, None)
    assert arranged.inputs["decoder"].ids.tolist() == TEXTS.tolist()
    assert arranged.inputs["decoder"].mask.tolist() == MASK.tolist()
    assert arranged.places.tolist() == [[4], [1], [2]]


def test_texts_begin_and_targets_end():
    backbone = random_llama()
    (ids, mask), targets = backbone.tokenize(["a box", ""]), backbone.tokenize_targets(["a box", ""])
    assert (ids[:, 0].tolist(), mask.sum(1).tolist()) == ([0, 0], [ids.shape[1], 1])
    assert targets[0].tolist() == [*ids[0, 1:].tolist(), 2]
    assert targets[1].tolist() == [2] + [-100] * (targets.shape[1] - 1)
    assert backbone.detokenize(targets) == ["a box", ""]
    assert backbone.tokenize(["a box and more of it"], limit=3)[0].shape == (1, 3)
    assert backbone.tokenize_targets(["a box and more of it"], limit=3)[0, -1] == 2


@pytest.mark.parametrize("name", ["llama", "llama, wide heads, tied", "mistral", "qwen2", "qwen3", "gpt2"])
def test_a_folder_says_what_it_holds(name, tmp_path):
    model = MODELS[name]()
    model.save_pretrained(tmp_path)
    sapling_tokenizer().save_pretrained(tmp_path)
    backbone = build(DecoderOptions(kind="decoder", weights=f"path:{tmp_path}"))
    assert (type(backbone.model), backbone.origin) == (type(model), f"path:{tmp_path}")
    assert (backbone.text.begin, backbone.end, backbone.pad) == ([0], 2, 1)
    assert backbone.name == model.config.model_type
    torch.testing.assert_close(backbone.word_table(), model.get_input_embeddings().weight)
    query = next(site for site in backbone.sites() if site.inner == "query")
    assert (backbone.model.get_submodule(query.module).bias is not None) == (name in ("qwen2", "gpt2"))
    with torch.device("meta"):
        assert build(DecoderOptions(kind="decoder", weights=f"path:{tmp_path}")).word_table().is_meta


def test_a_folder_of_another_family_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "opt"}')
    with pytest.raises(OptionError, match="no decoder-only model of the type 'opt' is taken") as caught:
        build(DecoderOptions(kind="decoder", weights=f"path:{tmp_path}"))
    assert caught.value.location == ("weights",)


def test_frequencies_that_change_with_the_batch_are_refused():
    with pytest.raises(OptionError, match="'dynamic' change with the length of a batch"):
        random_llama(rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0})


def test_no_more_tokens_than_a_sliding_window():
    backbone = random_llama(model_type="mistral", sliding_window=6)
    assert backbone.longest.together == 6
    texts = Texts(TEXTS, MASK, TARGETS)
    with pytest.raises(MultigraftError, match="7 tokens, and the backbone's attention has a sliding window of 6"):
        Passes(backbone, texts, NoGraft()).target_states()


def test_a_type_that_the_weights_are_not(tmp_path):
    LlamaForCausalLM(LlamaConfig(**SMALL)).save_pretrained(tmp_path)
    with pytest.raises(OptionError, match="are a 'llama', and this says 'mistral'") as caught:
        build(DecoderOptions(kind="decoder", weights=f"path:{tmp_path}", architecture={"model_type": "mistral"}))
    assert caught.value.location == ("architecture", "model_type")


def random_gpt2(**fields):
    small = {**SMALL_GPT2, "vocab_size": 5000, "model_type": "gpt2"} | fields
    return build(DecoderOptions(kind="decoder", weights="random", architecture=small))


def test_a_random_gpt2_has_the_special_tokens_of_the_tokenizer_where_its_own_are_no_words_of_it():
    backbone = random_gpt2()
    assert backbone.config.eos_token_id == 50256
    assert (backbone.text.begin, backbone.end, backbone.pad) == ([0], 2, 1)


def test_places_of_gpt2_are_those_that_rows_need_and_padding_needs_none():
    backbone = random_gpt2(n_positions=6)
    assert backbone.longest.together == 6
    states = Passes(backbone, Texts(TEXTS[:, :5], MASK, TARGETS), NoGraft()).target_states()
    alone = Passes(backbone, Texts(TEXTS[1:2, :2], MASK[1:2, :2], TARGETS[1:2]), NoGraft()).target_states()
    torch.testing.assert_close(states[1:2], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("part", ["target_states", "steps"])
def test_no_more_tokens_than_gpt2_has_places_for(part):
    backbone = random_gpt2(n_positions=5)
    run = Passes(backbone, Texts(TEXTS, MASK, TARGETS), NoGraft())
    with pytest.raises(MultigraftError, match="6 tokens in a row, and the backbone has positions for 5"):
        run.target_states() if part == "target_states" else run.beginning.extend(TARGETS[:, :1], NoGraft())


@pytest.mark.parametrize("options", [{"architecture": {"add_cross_attention": True}}, {"quantized": 8}])
def test_what_gpt2_cannot_have(options):
    pytest.importorskip("bitsandbytes")
    architecture = {**SMALL_GPT2, "vocab_size": 5000, "model_type": "gpt2"} | options.pop("architecture", {})
    with pytest.raises(OptionError, match=r"a cross-attention could read|no linear modules"):
        build(DecoderOptions(kind="decoder", weights="random", architecture=architecture, **options))
