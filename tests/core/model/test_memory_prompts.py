"""Prompts as memory of cross-attention: transformers' logits with the tokens put in by hand, mixed batches as alone."""

from dataclasses import replace

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

from multigraft.core.errors import OptionError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.stack import Insert
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.tokens import Tokens

MEMORY = {"layer": "memory", "sharing": "per-task"}
PROMPTS = {
    "linear": {"kind": "linear", "tokens": 4, "frame_tokens": 1, "frames": 4, **MEMORY},
    "pool": {"kind": "pool", "tokens": 3, **MEMORY},
    "dynamic": {"kind": "dynamic", "heads": 2, **MEMORY},
    "beside a learned one": [{"kind": "pool", "tokens": 2, **MEMORY}, {"kind": "learned", "tokens": 2, "layer": 1}],
}
BERT_DECODER = {
    "kind": "bert", "form": "decoder", "weights": "random",
    "architecture": {"vocab_size": 5000, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                     "intermediate_size": 24, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
}  # fmt: skip


@pytest.fixture(params=["T5", "BART", "BERT decoder"])
def backbone(request, tiny):
    return BERT_DECODER if request.param == "BERT decoder" else getattr(tiny, request.param)


def model_with(tiny_model, backbone, prompt, **sections):
    encoder = {"kind": "timm", "model": "test_efficientnet", "weights": "random", "size": 64}
    return tiny_model("per-task", trunk={"encoder": encoder, "backbone": backbone, "prompt": prompt}, **sections)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_mixed_batch_is_as_its_samples_alone(prompt, backbone, tiny_model, samples, mixed_as_alone):
    """A row without media reads no memory, or the encoder's alone."""
    model = model_with(tiny_model, backbone, PROMPTS[prompt])
    rows = [*samples, replace(samples[-1], media=())]
    mixed_as_alone.trained(model, rows)
    mixed_as_alone.decoded(model, rows)


@pytest.mark.parametrize("family", ["T5", "BART"])
def test_logits_are_those_of_a_longer_encoder_output(family, tiny, tiny_model):
    model = tiny_model(backbone=getattr(tiny, family)).backbone.double()
    ids, mask = torch.tensor([[4, 7, 9, 20, 5], [8, 3, 6, 1, 1]]), torch.tensor([[1] * 5, [1, 1, 1, 0, 0]]).bool()
    targets = torch.tensor([[5, 6, 7], [9, 2, 4]])
    prompt = torch.randn(2, 3, 16, dtype=torch.float64)
    insert = Insert("decoder", "memory", "back", lambda text: Tokens(prompt))
    ours = model.output(Passes(model, Texts(ids, mask, targets), NoGraft(), [insert]).target_states(), NoGraft())
    read = model.model.get_encoder()(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    states, real = [read, prompt], [mask.long(), torch.ones(2, 3).long()]
    theirs = model.model(
        encoder_outputs=BaseModelOutput(torch.cat(states, 1)), attention_mask=torch.cat(real, 1), labels=targets
    ).logits
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


def test_codes_of_modality_mark_the_memory_and_tokens_are_decoded(tiny, tiny_model, samples, batch_of, mixed_as_alone):
    prompt = {"kind": "dynamic", "heads": 2, "modality_codes": True, "layer": "memory"}
    model = model_with(tiny_model, tiny.T5, prompt)
    mixed_as_alone.decoded(model, samples)
    (codes,) = [value for key, value in model.graft.bank.trained().items() if "modality" in key.part]

    def loss(rows):
        return sum(own.sum.item() for (own,) in model.losses(batch_of(model, rows), training=False).values())

    before, bare = loss(samples), [replace(each, media=()) for each in samples]
    unmarked = loss(bare)
    with torch.no_grad():
        codes[0] += 1.0
    assert loss(samples) != pytest.approx(before, abs=1e-4)
    assert loss(bare) == pytest.approx(unmarked)


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("DECODER", {}, "this backbone has no cross-attention"),
        ("BERT", {}, "this backbone has no cross-attention"),
        ("T5", {"stack": "encoder"}, "'encoder' is no stack of this backbone with cross-attention"),
        ("T5", {"place": "front"}, "cross-attention knows no order, so it changes nothing in a memory"),
    ],
)
def test_where_there_is_no_memory(family, changes, message, tiny, tiny_model):
    with pytest.raises(OptionError, match=message):
        model_with(tiny_model, getattr(tiny, family), {**PROMPTS["linear"], **changes})
