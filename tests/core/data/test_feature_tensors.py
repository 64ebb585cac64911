"""Tokens of 8 bits with a scale each: how far off they are, and how much room they take."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from multigraft.core.data.encoding import encode_features
from multigraft.core.data.feature_tensors import read_tokens, stored_tokens
from multigraft.core.data.features import FeatureStore, feature_fingerprint
from multigraft.core.data.shard import open_shard
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.types.annotation import Annotation
from multigraft.plugins.inputs.image import build as build_image
from multigraft.plugins.inputs.options import ImageOptions

NUMBERS = st.floats(-(2.0**99), 2.0**99, width=32).filter(lambda x: x == 0 or abs(x) > 2.0**-99)
TOKENS = arrays(np.float32, array_shapes(min_dims=3, max_dims=3, max_side=6), elements=NUMBERS)


def read(stored):
    """Float32 of what is read of stored tensors."""
    bits = {name: x.view(torch.uint16) if x.dtype == torch.bfloat16 else x for name, x in stored.items()}
    return (
        torch.from_numpy(read_tokens({name: x.numpy() for name, x in bits.items()}).copy()).view(torch.bfloat16).float()
    )


@given(TOKENS)
def test_a_value_is_off_by_half_a_scale_at_most_beside_rounding(values):
    tokens = torch.from_numpy(values)
    scale = tokens.abs().amax(-1, keepdim=True).double() / 127
    off = (read(stored_tokens(tokens, "int8")).double() - tokens).abs()
    rounding = tokens.abs().amax(-1, keepdim=True).double() * 2**-8
    assert (off <= scale / 2 + rounding).all()
    as_bf16 = (read(stored_tokens(tokens, "int8")).double() - read(stored_tokens(tokens, "bf16"))).abs()
    assert (as_bf16 <= scale / 2 + 2 * rounding).all()


@given(arrays(np.float32, array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.floats(width=32)))
def test_bfloat16_is_rounded_as_torch_does(values):
    tokens = torch.from_numpy(values)
    codes, ones = torch.zeros_like(tokens, dtype=torch.int8) + 1, tokens[..., 0]
    made = read({"tokens": codes, "scales": ones.contiguous()})
    assert torch.equal(made.nan_to_num(0), ones[..., None].bfloat16().float().expand(tokens.shape).nan_to_num(0))
    assert torch.equal(made.isnan(), ones[..., None].isnan().expand(tokens.shape))


def test_the_formula_by_hand():
    stored = stored_tokens(torch.tensor([[[1.0, -127.0, 63.4], [0.0, 0.0, 0.0]]]), "int8")
    assert stored["tokens"].tolist() == [[[1, -127, 63], [0, 0, 0]]]
    assert stored["scales"].tolist() == [[1.0, 0.0]]
    assert read(stored).tolist() == [[[1.0, -127.0, 63.0], [0.0, 0.0, 0.0]]]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_token_with_no_finite_number_is_not_made_finite(bad):
    made = read(stored_tokens(torch.tensor([[[1.0, bad], [1.0, 2.0]]]), "int8"))
    assert made[0, 0].isnan().all()
    assert made[0, 1].isfinite().all()


class WideEncoder(VisualEncoder):
    """49 tokens of a picture, of width 256, drawn by its colour."""

    def __init__(self, transform):
        super().__init__()
        self.transform, self.width, self.tokens = transform, 256, 49
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, pixels, intercept):
        drawn = [torch.randn(49, 256, generator=torch.Generator().manual_seed(int(each.sum()))) for each in pixels]
        return torch.stack(drawn) * self.scale

    def fingerprint(self):
        return "wide"


def test_features_of_8_bits_take_half_the_room_and_lie_in_a_folder_of_their_own(
    pack, open_task, picture_file, transform, workers, tmp_path
):
    notes = [Annotation(id="1", task="vqa", text="?", media=("png",))]
    (shard,) = pack([(f"k{n}", notes, {"png": picture_file((n, 0, 0))}) for n in range(4)])
    encoder, inputs = WideEncoder(transform), [build_image(ImageOptions(kind="image"))]
    read, size, homes = {}, {}, set()
    for form in ("bf16", "int8"):
        stored = encode_features([open_task("vqa")], encoder, inputs, workers, tmp_path / "features", store=form)
        store = FeatureStore(stored.home, feature_fingerprint(encoder, inputs, form), inputs)
        bits = [store.read(open_shard(shard), number, "png", None).features.copy() for number in range(4)]
        read[form] = torch.from_numpy(np.concatenate(bits)).view(torch.bfloat16).float()
        (path,) = stored.home.glob("*.tar")
        size[form] = path.stat().st_size
        homes.add(stored.home)
    assert len(homes) == 2
    assert 0.5 < size["int8"] / size["bf16"] < 0.55
    largest = read["bf16"].abs().amax(-1, keepdim=True)
    assert ((read["int8"] - read["bf16"]).abs() <= largest / 254 + largest * 2**-7).all()
    assert not torch.equal(read["int8"], read["bf16"])
