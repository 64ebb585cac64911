"""Encoders and backbones that keep their contracts, and what is said of others; built-in prompt generators."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from multigraft import (
    IGNORED,
    Encoder,
    LogMel,
    Preparation,
    Site,
    TokenLayout,
    Transform,
    VisualEncoder,
)
from multigraft.core.options.base import Options
from multigraft.core.registry.component import import_name
from multigraft.core.testing.conformance import check_built
from multigraft.core.testing.tiny_trunk import TinyBackbone
from multigraft.stacks import KeyValues, LayerCache, Tokens

ANY = Options(kind="any")
BERT = {
    "vocab_size": 5000, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
}  # fmt: skip


@pytest.fixture
def lines_of(registry):
    """What is wrong with a built-in of some options."""

    def find(kind, options):
        model = registry.options(kind, options["kind"]).model_validate(options, context={"registry": registry})
        return check_built(kind, import_name(registry.find(kind, options["kind"]).component.build), model)

    return find


@pytest.mark.parametrize("name", ["T5", "BART", "DECODER", "GPT2"])
def test_backbones_of_each_family(lines_of, tiny, name):
    assert lines_of("backbones", getattr(tiny, name)) == []


def test_a_backbone_that_predicts_nothing(lines_of):
    assert lines_of("backbones", {"kind": "bert", "weights": "random", "architecture": BERT}) == []


@pytest.mark.parametrize("model", ["test_efficientnet", "test_vit"])
def test_encoders_with_a_grid_and_with_a_class_token(lines_of, model):
    assert lines_of("visual_encoders", {"kind": "timm", "model": model, "weights": "random"}) == []


@pytest.mark.parametrize(
    "options",
    [{"kind": "learned", "hidden": 4}, {"kind": "linear", "position": "random"}, {"kind": "linear", "tokens": 4}],
)
def test_prompt_generators(lines_of, options):
    assert lines_of("prompt_generators", options) == []


class Flat(VisualEncoder):
    """A grid of 4 x 4 tokens, each the mean of its cell."""

    width, tokens, transform = 3, 16, Transform(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def forward(self, pixels, intercept):
        return nn.functional.avg_pool2d(pixels.float(), 4).flatten(2).transpose(1, 2)

    def fingerprint(self):
        return "flat"


class Short(Flat):
    tokens = 9


class Loading(Flat):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3, device="cpu"))


@pytest.mark.parametrize(
    ("encoder", "lines"),
    [
        (Flat, []),
        (Short, ["of pictures it gives (2, 16, 3) torch.float32, not float tokens (2, 9, 3)"]),
        (Loading, ["on the meta device it loads weights all the same: scale"]),
    ],
)
def test_encoders(encoder, lines):
    assert check_built("visual_encoders", lambda options: encoder(), ANY) == lines


class Sums(Encoder):
    """A token for every two windows: what they add up to."""

    width, tokens = 8, 32

    def preparation(self):
        return LogMel(rate=1000, window=10, hop=10, bands=8, seconds=0.64)

    def encode(self, arrays, mask, intercept):
        states = arrays.unflatten(1, (-1, 2)).sum(2)
        return Tokens(states, None if mask is None else mask[:, ::2])

    def fingerprint(self):
        return "sums"


class Ragged(Sums):
    """As what is left over has no second window, its token is that of one and of silence."""

    tokens = 31

    def preparation(self):
        return LogMel(rate=1000, window=10, hop=10, bands=8, seconds=0.62)

    def encode(self, arrays, mask, intercept):
        return super().encode(nn.functional.pad(arrays, (0, 0, 0, arrays.shape[1] % 2)), mask, intercept)


class Thin(Sums):
    def encode(self, arrays, mask, intercept):
        made = super().encode(arrays, mask, intercept)
        return Tokens(made.states[..., 1:], made.mask)


class Fresh(Preparation):
    """No dataclass: equal to itself alone."""

    __eq__, __hash__ = object.__eq__, object.__hash__


class Unequal(Sums):
    def preparation(self):
        return Fresh()


class Framed(Sums):
    def layout(self):
        return TokenLayout(33)


class Leaky(Sums):
    def encode(self, arrays, mask, intercept):
        made = super().encode(arrays, mask, intercept)
        return Tokens(made.states + arrays.shape[1], made.mask)


class Maskless(Sums):
    def encode(self, arrays, mask, intercept):
        return Tokens(super().encode(arrays, mask, intercept).states)


class Few(Sums):
    tokens = 31


class Unprepared(Sums):
    def preparation(self):
        return (1000, 8)


@pytest.mark.parametrize(
    ("encoder", "lines"),
    [
        (Sums, []),
        (Ragged, []),
        (Thin, ["of items (2, 64, 8) torch.float32 it gives (2, 32, 7) torch.float32, not float (items, tokens, "
                "width 8)"] * 2),
        (Unequal, ["its preparation is another one when it was sent to a process: make it a frozen dataclass of plain "
                   "values"]),
        (Framed, ["its layout has 33 tokens, and an item 32"]),
        (Leaky, ["the tokens of an item are others beside a longer one than alone"]),
        (Maskless, ["it is given a mask, and gives none for its tokens (items, tokens)"]),
        (Few, ["of an item it gives 32 tokens, and `tokens` says 31 at most"] * 2),
        (Unprepared, ["its `preparation` is tuple, no Preparation"]),
    ],
)  # fmt: skip
def test_encoders_of_another_modality(encoder, lines):
    assert check_built("encoders", lambda options: encoder(), ANY) == lines


class Looking(TinyBackbone):
    """Its heads read what is padding."""

    def arrange(self, text_ids, text_mask, target_ids):
        made = super().arrange(text_ids, text_mask, target_ids)
        return replace(made, inputs={"text": replace(made.inputs["text"], mask=None)})


class Misremembering(TinyBackbone):
    """Its cache holds other values than it has read."""

    def __init__(self):
        super().__init__(predicts=True)
        for layer in self.model.layers:
            layer.register_forward_hook(lambda layer, given, made: (made[0], made[1] and doubled(made[1].own)))


def doubled(own):
    return LayerCache(KeyValues(own.key, 2 * own.value))


class Endless(TinyBackbone):
    def tokenize_targets(self, texts, limit=None):
        made = super().tokenize_targets(texts, limit)
        return made.masked_fill(made == self.end, IGNORED)


class Boundless(TinyBackbone):
    def tokenize(self, texts, limit=None):
        return super().tokenize(texts)


SITE = Site("text", 0, "self-attention", "attention", "memory", 8, 8, "layers.0")


class Twice(TinyBackbone):
    def sites(self):
        return SITE, SITE


class Lost(TinyBackbone):
    def sites(self):
        return SITE, replace(SITE, layer=1, module="layers.2")


class Narrow(TinyBackbone):
    def output(self, hidden, intercept):
        return super().output(hidden, intercept)[..., :-1]


@pytest.mark.parametrize(
    ("build", "lines"),
    [
        (lambda: TinyBackbone(predicts=True), []),
        (lambda: TinyBackbone(predicts=False), []),
        (lambda: Looking(predicts=False), ["what heads read of a row depends on the padding behind its text"]),
        (Misremembering, ["targets that come behind a cache have other states than those that are read at once"]),
        (lambda: Looking(predicts=True),
         ["the states that predict a row's target depend on the padding behind its text"]),
        (lambda: Endless(predicts=True), ["its targets end with [67, 104], not with `end`, 2"]),
        (lambda: Boundless(predicts=True), ["`tokenize` does not keep the limit"]),
        (lambda: Twice(predicts=True), ["it has 2 sites of the name text.0.self-attention.memory"]),
        (lambda: Lost(predicts=True), ["its model has no module 'layers.2', which a site names"]),
        (lambda: Narrow(predicts=True),
         ["`output` gives (2, 12, 259) torch.float32, and its vocabulary has 260 words"]),
    ],
)  # fmt: skip
def test_backbones_in_numbers(build, lines):
    assert check_built("backbones", lambda options: build(), ANY) == lines
