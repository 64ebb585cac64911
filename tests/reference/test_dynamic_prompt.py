"""Dynamic Visual Prompting's cross-attention gives its numbers: one query and several, masked, and two widths."""

import pytest
import torch
from torch import nn

from multigraft.core.interfaces.prompt import MediaTokens, PromptShape
from multigraft.core.types.tokens import Tokens
from multigraft.plugins.prompts.cross_attention import CrossAttention
from multigraft.plugins.prompts.dynamic import DynamicPrompt
from multigraft.plugins.prompts.options import DynamicOptions

NAMES = {"query": "q", "key": "k", "value": "v", "output": "merge"}


@pytest.fixture(scope="module")
def arrays(vectors):
    return vectors("dvp_cross_attention")


def attention(arrays, prefix, width, inner):
    made = CrossAttention(width, 24, inner, int(arrays[f"{prefix}num_heads"])).double()
    theirs = {
        f"{ours}.{kind}": arrays[f"{prefix}w.linear_{name}.{kind}"]
        for ours, name in NAMES.items()
        for kind in ("weight", "bias")
    }
    made.load_state_dict(theirs)
    return made


def test_queries_read_the_media(arrays):
    made = attention(arrays, "", 24, 24)
    visual = Tokens(arrays["visual"])
    for length in ("len1", "len4"):
        torch.testing.assert_close(
            made(arrays[f"query_{length}"], visual), arrays[f"out_{length}"], atol=1e-6, rtol=1e-5
        )
    hidden = Tokens(arrays["visual"], ~arrays["mask_true_is_hidden"][:, 0, 0].bool())
    torch.testing.assert_close(made(arrays["query_len1"], hidden), arrays["out_len1_masked"], atol=1e-6, rtol=1e-5)


def test_how_much_each_token_is_attended_to(arrays):
    """The reference's shares of the tokens, over our values and output, give its output."""
    made = attention(arrays, "", 24, 24)
    values = made.value(arrays["visual"]).unflatten(2, (3, 8)).transpose(1, 2)
    out = made.output((arrays["attn_len1"] @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(out, made(arrays["query_len1"], Tokens(arrays["visual"])), atol=1e-6, rtol=1e-5)


def test_the_form_of_two_widths(arrays):
    made = attention(arrays, "bottleneck.", 16, 8)
    out = made(arrays["bottleneck.query"], Tokens(arrays["visual"]))
    torch.testing.assert_close(out, arrays["bottleneck.out"], atol=1e-6, rtol=1e-5)


def test_a_prompt_of_the_first_state_is_that(arrays):
    """The generator over the same weights, told a text whose first token is the query."""
    options = DynamicOptions(kind="dynamic", heads=3, item_codes=0)
    prompt = DynamicPrompt(options, PromptShape(24, 5, 24, nn.LayerNorm, summary="first")).double()
    prompt.attention = attention(arrays, "", 24, 24)
    media = MediaTokens(arrays["visual"][:, None], torch.ones(2, 1).bool(), torch.zeros(2, 1), "image")
    text = Tokens(torch.cat([arrays["query_len1"], torch.randn(2, 3, 24, dtype=torch.float64)], 1))
    torch.testing.assert_close(prompt(media, text).states, arrays["out_len1"], atol=1e-6, rtol=1e-5)


def test_the_numbers_of_bert_base():
    with torch.device("meta"):
        prompt = DynamicPrompt(
            DynamicOptions(kind="dynamic", item_codes=0), PromptShape(768, 197, 768, nn.LayerNorm, summary="first")
        )
    assert sum(each.numel() for each in prompt.parameters()) == 2_362_368
