"""Whether an encoder keeps its contract: on the meta device, where nothing is read, and a small one in numbers."""

import pickle
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from multigraft.core.interfaces.encoder import Encoder, VisualEncoder
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.options.base import Options
from multigraft.core.testing.built import is_small, loaded, told, without_weights, wrong_sites
from multigraft.core.types.preparation import Preparation
from multigraft.core.types.tokens import Tokens

_PICTURES = 2
_CLOSE = 1e-4


def wrong_visual_encoder(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with the encoder that `build` makes of the options on the meta device."""
    with torch.device("meta"):
        encoder = build(without_weights(options))
    if not isinstance(encoder, VisualEncoder):
        yield f"`build` gives {type(encoder).__name__}, no VisualEncoder"
        return
    yield from loaded(encoder)
    yield from wrong_sites(encoder.sites(), None)
    size = encoder.transform.size
    pixels = torch.zeros(_PICTURES, 3, size, size, dtype=torch.uint8, device="meta")
    made, wanted = encoder(pixels, NoGraft()), (_PICTURES, encoder.tokens, encoder.width)
    if not isinstance(made, Tensor) or tuple(made.shape) != wanted or not made.is_floating_point():
        yield f"of pictures it gives {told(made)}, not float tokens {wanted}"
    if encoder.layout().tokens != encoder.tokens:
        yield f"its layout has {encoder.layout().tokens} tokens, and a picture {encoder.tokens}"


def wrong_encoder(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with the encoder of any other modality that `build` makes of the options.

    It is run where its preparation gives an `example`."""
    options = without_weights(options)
    with torch.device("meta"):
        encoder = build(options)
    if not isinstance(encoder, Encoder):
        yield f"`build` gives {type(encoder).__name__}, no Encoder"
        return
    yield from loaded(encoder)
    yield from wrong_sites(encoder.sites(), None)
    if encoder.layout().tokens != encoder.tokens:
        yield f"its layout has {encoder.layout().tokens} tokens, and an item {encoder.tokens}"
    preparation = encoder.preparation()
    problems = list(_wrong_preparation(preparation))
    yield from problems
    example = None if problems else preparation.example()
    if example is None:
        return
    arrays = torch.from_numpy(example)
    problems = list(_wrong_shapes(encoder, arrays.to("meta")))
    yield from problems
    if not problems and is_small(encoder, options):
        yield from _wrong_numbers(build(options), arrays)


def _wrong_preparation(preparation: Any) -> Iterator[str]:
    if not isinstance(preparation, Preparation):
        yield f"its `preparation` is {type(preparation).__name__}, no Preparation"
    elif pickle.loads(pickle.dumps(preparation)) != preparation:
        yield "its preparation is another one when it was sent to a process: make it a frozen dataclass of plain values"


def _mask(arrays: Tensor) -> Tensor:
    """The last item is half as long as the others."""
    items, length = arrays.shape[:2]
    lengths = torch.tensor([length] * (items - 1) + [-(-length // 2)])
    return torch.arange(length)[None] < lengths[:, None]


def _wrong_shapes(encoder: Encoder, arrays: Tensor) -> Iterator[str]:
    for mask in (None, _mask(arrays).to(arrays.device)):
        made = encoder.encode(arrays, mask, NoGraft())
        if not isinstance(made, Tokens):
            yield f"`encode` gives {type(made).__name__}, no Tokens"
            return
        states = made.states
        if states.shape[::2] != (len(arrays), encoder.width) or not states.is_floating_point():
            yield f"of items {told(arrays)} it gives {told(states)}, not float (items, tokens, width {encoder.width})"
        elif states.shape[1] > encoder.tokens:
            yield f"of an item it gives {states.shape[1]} tokens, and `tokens` says {encoder.tokens} at most"
        elif mask is not None and (made.mask is None or made.mask.shape != states.shape[:2]):
            yield "it is given a mask, and gives none for its tokens (items, tokens)"


@torch.no_grad()
def _wrong_numbers(encoder: Encoder, arrays: Tensor) -> Iterator[str]:
    mask = _mask(arrays)
    filled = arrays.clone()
    filled[~mask] = 0
    made, length = encoder.encode(filled, mask, NoGraft()), int(mask[-1].sum())
    alone = encoder.encode(arrays[-1:, :length], None, NoGraft())
    own = made.states[-1][made.real[-1]]
    if own.shape != alone.states[0].shape or not torch.allclose(own, alone.states[0], atol=_CLOSE):
        yield "the tokens of an item are others beside a longer one than alone"
