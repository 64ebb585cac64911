"""Whether a backbone keeps its contract: on the meta device, where nothing is read, and a small one in numbers."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.options.base import Options
from multigraft.core.testing.built import is_small, loaded, told, without_weights, wrong_sites
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import IGNORED

_TEXTS = ("what is it?", "red")
_CLOSE = 1e-3


def wrong_backbone(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with the backbone that `build` makes of the options."""
    options = without_weights(options)
    with torch.device("meta"):
        backbone = build(options)
    if not isinstance(backbone, Backbone):
        yield f"`build` gives {type(backbone).__name__}, no Backbone"
        return
    yield from loaded(backbone)
    yield from wrong_sites(backbone.sites(), backbone.model)
    yield from _wrong_stacks(backbone)
    if backbone.word_table().shape[1:] != (backbone.width,):
        yield f"its word table is {told(backbone.word_table())}, and its width {backbone.width}"
    problems = list(_wrong_texts(backbone))
    yield from problems
    if not problems:
        problems = list(_wrong_states(backbone))
        yield from problems
    if not problems and is_small(backbone, options):
        yield from _wrong_numbers(build(options))


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


def _passes(backbone: Backbone, rows: slice = slice(None), split: bool = False) -> Passes:
    """Over the texts and themselves as targets, on the device of the weights."""
    device = backbone.word_table().device
    ids, mask = backbone.tokenize(_TEXTS[rows])
    targets = backbone.tokenize_targets(_TEXTS[rows])
    return Passes(backbone, Texts(ids.to(device), mask.to(device), targets.to(device)), NoGraft(), split=split)


def _wrong_states(backbone: Backbone) -> Iterator[str]:
    """Shapes of what its stacks give, layer by layer."""
    passes = _passes(backbone)
    summary = passes.summary()
    if summary.shape != (len(_TEXTS), backbone.width):
        yield f"what heads read of {len(_TEXTS)} rows is {told(summary)}, and its width {backbone.width}"
    if backbone.predicts is None:
        return
    states, targets = passes.target_states(), passes.texts.targets
    if states.shape != (*targets.shape, backbone.width):
        yield f"the states that predict targets {tuple(targets.shape)} are {told(states)}"
        return
    logits = backbone.output(states, NoGraft())
    if logits.shape[:-1] != targets.shape or logits.shape[-1] < backbone.vocabulary.size:
        yield f"`output` gives {told(logits)}, and its vocabulary has {backbone.vocabulary.size} words"


@torch.no_grad()
def _wrong_numbers(backbone: Backbone) -> Iterator[str]:
    """A row alone and beside a longer one, and targets at once and behind a cache."""
    backbone.eval()
    whole, alone = _passes(backbone), _passes(backbone, slice(1, 2))
    if not torch.allclose(whole.summary()[1:], alone.summary(), atol=_CLOSE):
        yield "what heads read of a row depends on the padding behind its text"
    if backbone.predicts is None:
        return
    states, real = whole.target_states(), whole.texts.targets != IGNORED
    count = int(real[1].sum())
    if not torch.allclose(states[1:, :count], alone.target_states(), atol=_CLOSE):
        yield "the states that predict a row's target depend on the padding behind its text"
    stepped: Tensor = _passes(backbone, split=True).target_states()
    if not torch.allclose(states[real], stepped[real], atol=_CLOSE):
        yield "targets that come behind a cache have other states than those that are read at once"
