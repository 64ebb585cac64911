"""Generators that pool or read the media: what they read, and that nothing beside a row changes it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from multigraft.core.errors import OptionError
from multigraft.core.interfaces.prompt import MediaTokens, PromptShape
from multigraft.core.types.tokens import Tokens
from multigraft.plugins.prompts.dynamic import asking
from multigraft.plugins.prompts.dynamic import build as build_dynamic
from multigraft.plugins.prompts.options import DynamicOptions, PoolOptions, ResamplerOptions
from multigraft.plugins.prompts.pool import build as build_pool
from multigraft.plugins.prompts.resampler import build as build_resampler

SHAPE = PromptShape(6, 4, 8, nn.LayerNorm)
TEXT = Tokens(
    torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(1)),
    torch.arange(5) < torch.tensor([[5], [3], [1]]),
)


def made(kind, **options):
    torch.manual_seed(0)
    if kind == "pool":
        return build_pool(PoolOptions(kind=kind, **options), SHAPE)
    if kind == "resampler":
        return build_resampler(ResamplerOptions(kind=kind, heads=2, **options), SHAPE)
    return build_dynamic(DynamicOptions(kind=kind, heads=2, **options), SHAPE)


GENERATORS = {
    "pool": ("pool", {"tokens": 3}),
    "resampler": ("resampler", {"tokens": 3}),
    "resampler with text": ("resampler", {"tokens": 3, "text": True}),
    "dynamic": ("dynamic", {}),
    "dynamic, each token": ("dynamic", {"query": "text"}),
}


def media(counts, kind="image", lengths=None):
    """So many items a row, of 4 tokens each or of the lengths given, padded to the most."""
    rows, most = len(counts), max(counts)
    tokens = torch.randn(rows, most, 4, 6, generator=torch.Generator().manual_seed(2))
    mask = torch.arange(most) < torch.tensor(counts)[:, None]
    token_mask = None if lengths is None else torch.arange(4) < torch.tensor(lengths)[:, :, None]
    return MediaTokens(tokens, mask, torch.zeros(rows, most), kind, token_mask=token_mask)


def needed(generator, seen, text):
    return seen, (text if "text" in generator.needs else None)


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("lengths", [None, [[4, 2], [3, 1], [1, 4]]], ids=["pictures", "clips"])
def test_padding_of_items_and_tokens_changes_nothing(name, lengths):
    kind, options = GENERATORS[name]
    generator, seen = made(kind, **options), media([2, 1, 2], lengths=lengths)
    whole = generator(*needed(generator, seen, TEXT))
    for row, count in enumerate([2, 1, 2]):
        alone = MediaTokens(
            seen.tokens[row : row + 1, :count], torch.ones(1, count).bool(), torch.zeros(1, count), "image",
            token_mask=None if seen.token_mask is None else seen.token_mask[row : row + 1, :count],
        )  # fmt: skip
        text = Tokens(TEXT.states[row : row + 1], TEXT.mask[row : row + 1])
        own = generator(*needed(generator, alone, text))
        real = own.real[0]
        assert whole.real[row, : len(real)].tolist() == real.tolist()
        torch.testing.assert_close(whole.states[row, : len(real)][real], own.states[0][real], atol=1e-5, rtol=1e-5)
    noisy = replace(seen, tokens=torch.where(seen.real[..., None], seen.tokens, torch.tensor(9.0)))
    torch.testing.assert_close(generator(*needed(generator, noisy, TEXT)).states, whole.states)


@pytest.mark.parametrize("name", ["resampler", "dynamic"])
def test_the_order_of_items_matters_as_far_as_they_have_codes(name):
    kind, options = GENERATORS[name]
    seen = media([2, 2, 2])
    turned = replace(seen, tokens=seen.tokens.flip(1))
    told, untold = made(kind, **options), made(kind, item_codes=0 if name == "dynamic" else 1, **options)
    for generator, equal in ((told, False), (untold, True)):
        one, other = (generator(*needed(generator, each, TEXT)).states for each in (seen, turned))
        assert torch.allclose(one, other, atol=1e-5) == equal


def test_what_is_pooled_is_the_mean_of_neighbouring_tokens():
    generator = made("pool", tokens=2)
    nn.init.zeros_(generator.places.weight)
    seen = media([2, 1, 2])
    expected = generator.norm(generator.feature(torch.stack([seen.tokens[0, 0].mean(0), seen.tokens[0, 1].mean(0)])))
    torch.testing.assert_close(generator(seen, None).states[0], expected)
    halves = generator.norm(generator.feature(seen.tokens[1, 0].view(2, 2, 6).mean(1)))
    torch.testing.assert_close(generator(seen, None).states[1], halves)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("first", TEXT.states[:, :1]),
        ("last", TEXT.states[[0, 1, 2], [4, 2, 0]][:, None]),
        ("mean", torch.stack([TEXT.states[0].mean(0), TEXT.states[1, :3].mean(0), TEXT.states[2, 0]])[:, None]),
        ("padded-mean", TEXT.states.mean(1, keepdim=True)),
        ("text", TEXT.states),
    ],
)
def test_which_states_ask(query, expected):
    torch.testing.assert_close(asking(query, TEXT), expected)


def test_a_backbone_says_how_it_tells_a_text_unless_the_recipe_does():
    assert build_dynamic(DynamicOptions(kind="dynamic", heads=2), replace(SHAPE, summary="last")).query == "last"
    options = DynamicOptions(kind="dynamic", heads=2, query="mean")
    assert build_dynamic(options, replace(SHAPE, summary="last")).query == "mean"


def test_heads_must_divide_the_width():
    with pytest.raises(OptionError, match="3 heads do not divide the width 8"):
        build_dynamic(DynamicOptions(kind="dynamic", heads=3), SHAPE)


def test_a_resampler_reads_the_text_where_it_is_told_to():
    reading, other = made("resampler", tokens=3, text=True), replace(TEXT, states=TEXT.states + 1)
    seen = media([1, 1, 1])
    assert reading.needs == {"media", "text"}
    assert not torch.allclose(reading(seen, TEXT).states, reading(seen, other).states)
    assert made("resampler", tokens=3).needs == {"media"}
