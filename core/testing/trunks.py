"""Whether visual encoders and backbones keep their contracts, on the meta device: no weights, and nothing computed."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.options.base import Options
from multigraft.core.types.batch import IGNORED
from multigraft.core.types.site import Site

_PICTURES = 2
_TEXTS = ("what is it?", "red")


def wrong_visual_encoder(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with the encoder that `build` makes of the options on the meta device."""
    with torch.device("meta"):
        encoder = build(without_weights(options))
    if not isinstance(encoder, VisualEncoder):
        yield f"`build` gives {type(encoder).__name__}, no VisualEncoder"
        return
    yield from _loaded(encoder)
    yield from _wrong_sites(encoder.sites(), None)
    size = encoder.transform.size
    pixels = torch.zeros(_PICTURES, 3, size, size, dtype=torch.uint8, device="meta")
    made, wanted = encoder(pixels, NoGraft()), (_PICTURES, encoder.tokens, encoder.width)
    if not isinstance(made, Tensor) or tuple(made.shape) != wanted or not made.is_floating_point():
        yield f"of pictures it gives {_told(made)}, not float tokens {wanted}"
    if encoder.layout().tokens != encoder.tokens:
        yield f"its layout has {encoder.layout().tokens} tokens, and a picture {encoder.tokens}"


def wrong_backbone(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with the backbone that `build` makes of the options on the meta device."""
    with torch.device("meta"):
        backbone = build(without_weights(options))
    if not isinstance(backbone, Backbone):
        yield f"`build` gives {type(backbone).__name__}, no Backbone"
        return
    yield from _loaded(backbone)
    yield from _wrong_sites(backbone.sites(), backbone.model)
    yield from _wrong_stacks(backbone)
    if backbone.word_table().shape[1:] != (backbone.width,):
        yield f"its word table is {_told(backbone.word_table())}, and its width {backbone.width}"
    yield from _wrong_texts(backbone)


def without_weights(options: Options) -> Options:
    """The options with weights that need no file, where they name none: on the meta device none are read."""
    if "weights" in type(options).model_fields and getattr(options, "weights", None) is None:
        return options.model_copy(update={"weights": "random"})
    return options


def _loaded(module: nn.Module) -> Iterator[str]:
    held = [name for name, parameter in module.named_parameters() if not parameter.is_meta]
    if held:
        yield f"on the meta device it loads weights all the same: {', '.join(held[:3])}"


def _wrong_sites(sites: tuple[Site, ...], model: nn.Module | None) -> Iterator[str]:
    for name, times in Counter(site.name for site in sites).items():
        if times > 1:
            yield f"it has {times} sites of the name {name}"
    paths = dict(model.named_modules()) if model is not None else None
    lost = [site.module for site in sites if paths is not None and site.module not in paths]
    if lost:
        yield f"its model has no module {lost[0]!r}, which a site names"


def _wrong_stacks(backbone: Backbone) -> Iterator[str]:
    stacks = backbone.stacks
    for name, stack in stacks.items():
        if stack.name != name:
            yield f"its stack {name!r} calls itself {stack.name!r}"
        if stack.memory not in (None, *stacks):
            yield f"its stack {name!r} reads {stack.memory!r}, which is no stack of it"
    for what, wanted in (("predicts", backbone.predicts), ("entrance", backbone.entrance.stack)):
        if wanted not in (None, *stacks):
            yield f"its `{what}` names the stack {wanted!r}; it has {', '.join(stacks)}"


def _wrong_texts(backbone: Backbone) -> Iterator[str]:
    ids, mask = backbone.tokenize(_TEXTS)
    targets = backbone.tokenize_targets(_TEXTS)
    if ids.shape != mask.shape or len(ids) != len(_TEXTS):
        yield f"of {len(_TEXTS)} texts `tokenize` gives ids {tuple(ids.shape)} and mask {tuple(mask.shape)}"
        return
    ends = [row[row != IGNORED][-1].item() for row in targets]
    if ends != [backbone.end] * len(_TEXTS):
        yield f"its targets end with {ends}, not with `end`, {backbone.end}"
    if len(backbone.tokenize(_TEXTS, 3)[0][0]) > 3:
        yield "`tokenize` does not keep the limit"
    if len(backbone.detokenize(ids)) != len(_TEXTS):
        yield "`detokenize` does not give a text for each row"
    arranged = backbone.arrange(ids, mask, targets)
    unknown = [name for name in arranged.inputs if name not in backbone.stacks]
    if unknown:
        yield f"`arrange` gives the input of {unknown[0]!r}, which is no stack of it"
    if (arranged.places is None) != (backbone.predicts is None):
        yield "`arrange` gives places of targets if, and only if, a stack predicts them"
    elif arranged.places is not None and arranged.places.shape not in (targets.shape, targets[:1].shape):
        yield f"`arrange` gives places {tuple(arranged.places.shape)} of targets {tuple(targets.shape)}"


def _told(value: Any) -> str:
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
