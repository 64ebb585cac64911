"""BERT as a decoder: transformers' logits and decoding, with a memory, without one, and with one for some rows."""

import pytest
import torch
from transformers import BertConfig, BertLMHeadModel

from multigraft import MultigraftError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.stack import Insert
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import beam, greedy
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.tokens import Tokens
from multigraft.plugins.backbones.bert_decoder import BertDecoder
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

CONFIG = {
    "vocab_size": 5000, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 40, "is_decoder": True, "add_cross_attention": True,
}  # fmt: skip
IDS = torch.tensor([[4, 70, 90, 20, 50], [8, 30, 60, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()
TARGETS = torch.tensor([[11, 12, 13], [21, 22, -100]])


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    model = BertLMHeadModel(BertConfig(**CONFIG)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return BertDecoder(model, sapling_tokenizer()).double()


@pytest.fixture(scope="module")
def memory():
    torch.manual_seed(1)
    return torch.randn(2, 3, 16).double()


def passes(backbone, memory=None, mask=None, ids=IDS, text_mask=MASK, targets=TARGETS):
    inserts = [] if memory is None else [Insert("decoder", "memory", "back", lambda text: Tokens(memory, mask))]
    return Passes(backbone, Texts(ids, text_mask, targets), NoGraft(), inserts)


def theirs(backbone, row, memory=None):
    """Logits at the places that predict the targets of a row, alone and without padding."""
    text = IDS[row][MASK[row]]
    target = TARGETS[row][TARGETS[row] != -100]
    ids = torch.cat([text, target[:-1]])[None]
    return backbone.model(input_ids=ids, encoder_hidden_states=memory).logits[0, len(text) - 1 :]


@pytest.mark.parametrize("read", [True, False])
def test_logits_are_those_of_transformers(read, backbone, memory):
    made = passes(backbone, memory if read else None).target_states()
    logits = backbone.output(made, NoGraft())
    for row in range(2):
        wanted = theirs(backbone, row, memory[row : row + 1] if read else None)
        torch.testing.assert_close(logits[row, : len(wanted)], wanted, atol=1e-9, rtol=1e-9)


def test_a_row_without_memory_beside_one_with_it(backbone, memory):
    mask = torch.tensor([[True, True, False], [False, False, False]])
    logits = backbone.output(passes(backbone, memory, mask).target_states(), NoGraft())
    torch.testing.assert_close(logits[0], theirs(backbone, 0, memory[:1, :2]), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(logits[1, :2], theirs(backbone, 1), atol=1e-9, rtol=1e-9)


def test_of_a_row_without_memory_any_token_is_read_so_that_no_row_of_scores_is_empty(backbone, memory):
    mask = torch.tensor([[True, True, False], [False, False, False]])
    tokens = Tokens(torch.zeros(2, 4, 16), None, torch.arange(4)[None])
    shared = backbone.stacks["decoder"].shared(tokens, Tokens(memory, mask), None, NoGraft())
    assert shared.memory_mask[:, 0, 0].tolist() == [[True, True, False], [True, True, True]]


def test_padding_needs_no_position_and_a_row_that_is_too_long_is_told(backbone):
    ids = torch.randint(5, 99, (2, 30))
    mask = torch.stack([torch.arange(30) < 30, torch.arange(30) < 3])
    targets = torch.full((2, 12), -100)
    targets[0, :10], targets[1] = 7, 7
    states = passes(backbone, ids=ids, text_mask=mask, targets=targets).target_states()
    alone = passes(backbone, ids=ids[1:, :3], text_mask=mask[1:, :3], targets=targets[1:]).target_states()
    torch.testing.assert_close(states[1:], alone, atol=1e-9, rtol=1e-9)
    targets[0] = 7
    with pytest.raises(MultigraftError, match="41 tokens in a row, and the backbone has positions for 40"):
        passes(backbone, ids=ids, text_mask=mask, targets=targets).target_states()


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("read", [True, False])
def test_decoding_is_that_of_transformers(beams, read, backbone, memory):
    ids, every = IDS[:1], MASK[:1]
    own = passes(backbone, memory[:1] if read else None, ids=ids, text_mask=every, targets=TARGETS[:1])
    decode = greedy if beams == 1 else beam
    found = decode(own.beginning, NoGraft(), Decoding(beams=beams, max_tokens=6))
    wanted = backbone.model.generate(
        input_ids=ids, encoder_hidden_states=memory[:1] if read else None, num_beams=beams, max_new_tokens=6,
        do_sample=False, eos_token_id=backbone.end, pad_token_id=backbone.pad, length_penalty=1.0, use_cache=False,
    )  # fmt: skip
    assert [each for each in found[0].tolist() if each >= 0] == wanted[0, ids.shape[1] :].tolist()
