"""The `linear` prompt: class tokens beside the grid, boxes where the cells are, grids that are no square."""

import pytest
import torch
from torch import nn

from multigraft.core.interfaces.prompt import MediaTokens, PromptShape
from multigraft.core.types.token_layout import TokenLayout
from multigraft.plugins.prompts.linear import LinearPrompt
from multigraft.plugins.prompts.options import LinearOptions

BOX = 5


class Plain(nn.Identity):
    """No normalisation, so that sums can be read."""

    def __init__(self, width):
        super().__init__()


def seeing(layout, **options):
    """A prompt of width 5 whose tokens are their boxes: features and orders count nothing."""
    prompt = LinearPrompt(
        LinearOptions(kind="linear", **options), PromptShape(2, layout.tokens, BOX, Plain, None, layout)
    )
    for parameter in prompt.parameters():
        nn.init.zeros_(parameter)
    nn.init.eye_(prompt.box.weight)
    return prompt.requires_grad_(False)


def copying(layout, **options):
    """A prompt of the features themselves."""
    options = LinearOptions(kind="linear", boxes="none", **options)
    prompt = LinearPrompt(options, PromptShape(2, layout.tokens, 2, Plain, None, layout))
    for parameter in prompt.parameters():
        nn.init.zeros_(parameter)
    nn.init.eye_(prompt.feature.weight)
    return prompt.requires_grad_(False)


def pictures(layout, kind="image", count=1):
    """Each cell's features are its row and column; those of tokens in front are 100."""
    rows, columns = layout.grid
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    cells = torch.stack([y, x], -1).flatten(0, 1).float()
    one = torch.cat([torch.full((layout.front, 2), 100.0), cells])
    mask = torch.ones(1, count).bool()
    return MediaTokens(one.expand(1, count, -1, -1), mask, torch.zeros(1, count), kind, layout)


VIT = TokenLayout(1 + 49, 1, (7, 7))


def test_the_class_token_stands_beside_the_pooled_grid():
    made = copying(VIT, tokens=36)(pictures(VIT), None)
    output, mask = made.states, made.mask
    cells = output[0, 1:].view(6, 6, 2)
    assert output.shape == (1, 37, 2)
    assert mask.shape == (1, 37)
    assert output[0, 0].tolist() == [100, 100]
    assert cells[:, 0, 0].tolist() == cells[0, :, 1].tolist() == [1, 2, 3, 4, 5, 6]
    assert cells[:, 5, 1].eq(6).all()


def test_it_is_left_out_where_the_recipe_says_so():
    made = copying(VIT, tokens=36, class_token="drop")(pictures(VIT), None)
    output = made.states
    assert output.shape == (1, 36, 2)
    assert output.max() == 6


@pytest.mark.parametrize("front", [0, 1, 5])
@pytest.mark.parametrize("tokens", [36, 49, 64])
def test_every_box_lies_where_its_cells_are(front, tokens):
    layout = TokenLayout(front + 49, front, (7, 7))
    boxes = seeing(layout, tokens=tokens)(pictures(layout), None).states[0]
    cells = copying(layout, tokens=tokens, pool="mean")(pictures(layout), None).states[0]
    middles = torch.stack([boxes[front:, 2:4].mean(1), boxes[front:, :2].mean(1)], 1) * 7 - 0.5
    torch.testing.assert_close(middles, cells[front:], atol=0.51, rtol=0)
    assert boxes[front:, 4].sum() == pytest.approx(1)
    assert not boxes[:front].any()


def test_grids_that_are_no_square_keep_their_proportions():
    layout = TokenLayout(1 + 8 * 12, 1, (8, 12))
    boxes = seeing(layout, tokens=24)(pictures(layout), None).states[0, 1:]
    cells = copying(layout, tokens=24, pool="mean")(pictures(layout), None).states[0, 1:]
    torch.testing.assert_close(boxes[:, 2:4].mean(1) * 8 - 0.5, cells[:, 0])
    torch.testing.assert_close(boxes[:, :2].mean(1) * 12 - 0.5, cells[:, 1])
    assert boxes[0].tolist() == pytest.approx([0, 1 / 6, 0, 1 / 4, 1 / 24])


def test_a_small_grid_stays_as_it_is():
    layout = TokenLayout(6, 0, (2, 3))
    boxes = seeing(layout)(pictures(layout), None).states[0]
    assert boxes[:, 0].tolist() == pytest.approx([0, 1 / 3, 2 / 3] * 2)
    assert boxes[:, 2].tolist() == [0, 0, 0, 0.5, 0.5, 0.5]


def test_frames_keep_their_class_tokens_too():
    made = copying(VIT, frame_tokens=4)(pictures(VIT, "video", 3), None)
    output = made.states
    assert output[0, :, 0].tolist() == [100, 3, 3, 6, 6] * 3


@pytest.mark.parametrize(("layout", "places"), [(VIT, 64 * 2), (TokenLayout(49, 0, (7, 7)), 64)])
def test_places_are_counted_with_the_class_token(layout, places):
    assert copying(layout).object_order.num_embeddings == places


def test_tokens_that_are_no_grid_get_no_boxes_and_it_is_said(caplog):
    prompt = seeing(VIT, tokens=10)
    boxes = prompt(pictures(VIT), None).states[0]
    assert boxes.shape == (11, BOX)
    assert not boxes.any()
    assert "7 x 7 cells are no grid when pooled to 10" in caplog.text


def test_a_layout_must_add_up():
    with pytest.raises(ValueError, match=r"50 tokens, 1 of them in front, do not make a grid of \(7, 8\)"):
        TokenLayout(50, 1, (7, 8))


@pytest.mark.parametrize("width", [0.02, 0.5])
def test_the_images_codes_start_as_wide_as_the_recipe_says(width):
    options = LinearOptions(kind="linear", image_code=width)
    prompt = LinearPrompt(options, PromptShape(2, VIT.tokens, 4, Plain, None, VIT))
    codes, places = (
        prompt.initial(f"{name}.weight")((100, 100), torch.Generator().manual_seed(0))
        for name in ("image_order", "object_order")
    )
    assert codes.std().item() == pytest.approx(width, rel=0.03)
    assert places.std().item() == pytest.approx(0.02, rel=0.03)


def test_a_prompt_of_sound_has_places_for_the_tokens_of_a_clip_alone():
    layout = TokenLayout(50)
    hearing = copying(layout, modality="audio", tokens=6, images=3, frames=64, frame_tokens=2)
    assert hearing.object_order.weight.shape == (6, 2)
    assert hearing.most_tokens() == 3 * 6
    made = hearing(MediaTokens(torch.rand(1, 3, 50, 2), torch.ones(1, 3).bool(), torch.zeros(1, 3), "audio"), None)
    assert made.states.shape == (1, 18, 2)
    assert list(hearing.unused(["audio"])) == ["frames", "frame_tokens", "class_token"]


def test_a_clip_beside_a_longer_one_is_pooled_over_its_own_tokens():
    """Copied features: the first clip has 4 of 12 tokens, the second all, and 2 are made of each."""
    hearing = copying(TokenLayout(12), modality="audio", tokens=2, images=1, pool="mean")
    tokens = torch.arange(24.0).view(1, 12, 2).expand(2, 12, 2)[:, None]
    mask = torch.arange(12) < torch.tensor([4, 12])[:, None, None]
    there, start = torch.ones(2, 1).bool(), torch.zeros(2, 1)
    made = hearing(MediaTokens(tokens, there, start, "audio", modality="audio", token_mask=mask), None)
    alone = hearing(MediaTokens(tokens[:1, :, :4], there[:1], start[:1], "audio", modality="audio"), None)
    assert torch.allclose(made.states[:1], alone.states)
    assert not torch.allclose(made.states[1], made.states[0])
    assert made.mask.all()


@pytest.mark.parametrize(
    ("kinds", "layout", "unused"),
    [
        (["image", "video"], VIT, []),
        (["image"], VIT, ["frames", "frame_tokens"]),
        (["video"], VIT, ["tokens", "images", "image_code"]),
        (["image", "video"], TokenLayout(49, 0, (7, 7)), ["class_token"]),
    ],
)
def test_options_without_effect_are_named(kinds, layout, unused):
    assert list(copying(layout).unused(kinds)) == unused
