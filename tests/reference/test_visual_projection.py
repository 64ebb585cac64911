"""The `linear` prompt and its pooling give the reference's numbers.

The reference's third case, boxes of detected objects, has no counterpart: our boxes are grid cells or zeros.
"""

import pytest
import torch
from torch import nn
from transformers.models.t5.modeling_t5 import T5LayerNorm

from multigraft.core.interfaces.prompt import MediaTokens, PromptShape
from multigraft.plugins.prompts.linear import LinearPrompt
from multigraft.plugins.prompts.masked_pooling import pool_frames
from multigraft.plugins.prompts.options import LinearOptions
from multigraft.plugins.prompts.pooling import pool_tokens

NAMES = {
    "feature": "feat_embedding.0", "feature_norm": "feat_embedding.1", "box": "absolute_vis_pos_embedding.0",
    "box_norm": "absolute_vis_pos_embedding.1", "image_order": "img_order_embedding",
}  # fmt: skip
NORMS = {"bart": nn.LayerNorm, "t5": T5LayerNorm}


@pytest.fixture(params=NORMS)
def family(request):
    return request.param


@pytest.fixture
def prompt(family, vectors):
    """A projection with the reference's weights; positions are the last rows of the word table."""
    arrays = vectors(f"visual_embedding_{family}")
    table = arrays["param/obj_order_embedding.weight"]
    options = LinearOptions(kind="linear", tokens=9, boxes="zero", position="words")
    made = LinearPrompt(options, PromptShape(12, 9, 16, NORMS[family], table)).double()
    for name, parameter in made.named_parameters():
        module, _, kind = name.rpartition(".")
        parameter.data = arrays[f"param/{NAMES[module]}.{kind}"]
    return made, arrays


def visual(features, kind="image"):
    rows, pictures = features.shape[:2]
    return MediaTokens(features, torch.ones(rows, pictures).bool(), torch.zeros(rows, pictures), kind)


def test_one_image_without_boxes(prompt, family, close):
    module, arrays = prompt
    made = module(visual(arrays["feats"][:, None]), None)
    output, mask = made.states, made.mask
    # T5's norm computes its scale in float32, in the reference as here
    torch.testing.assert_close(output, arrays["out/zero_boxes"], **TOLERANCE[family])
    assert mask.shape == (2, 9)
    assert mask.all()


def test_two_images(prompt, family):
    module, arrays = prompt
    made = module(visual(arrays["nlvr_feats"].unflatten(1, (2, 4))), None)
    output = made.states
    torch.testing.assert_close(output, arrays["out/nlvr"], **TOLERANCE[family])


TOLERANCE = {"bart": {"atol": 1e-9, "rtol": 1e-9}, "t5": {"atol": 1e-6, "rtol": 1e-6}}


def test_pooling_of_grids(vectors, close):
    arrays = vectors("downsample")
    close(pool_tokens(arrays["grid7_in"][:, None], 36, "max")[:, 0], arrays["grid7_out36"])
    two = pool_tokens(arrays["nlvr_in"].unflatten(1, (2, 49)), 36, "max")
    close(two.flatten(1, 2), arrays["nlvr_out72"])


def test_pooling_of_tokens_that_are_no_grid(vectors, close):
    arrays = vectors("downsample")
    close(pool_tokens(arrays["oned_in"][:, None], 4, "max")[:, 0], arrays["oned_out4"])


@pytest.mark.parametrize("frames", [5, 8, 13])
def test_pooling_of_frames(vectors, close, frames):
    """Short films stay as they are and are masked where the reference attends to zeros."""
    arrays = vectors("downsample")
    theirs = arrays[f"frames{frames}_to8"]
    given = arrays[f"frames{frames}_in"][None, :, None]
    film = MediaTokens(given, torch.ones(1, frames).bool(), torch.zeros(1, frames), "video")
    pooled = pool_frames(film, 8, "max")
    assert pooled.mask.shape == (1, min(frames, 8))
    close(pooled.tokens[0, :, 0], theirs[: min(frames, 8)])
    assert not theirs[frames:].any()
