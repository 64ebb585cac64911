"""Encoders, backbones, prompts, inputs, loggers and tasks that keep their contracts, and what is said of others."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from multigraft import (
    BadSample,
    Encoder,
    Input,
    Logger,
    LogMel,
    PromptGenerator,
    Task,
    TextPair,
    Transform,
    VisualEncoder,
)
from multigraft.core.options.base import Options
from multigraft.core.options.options import PromptOptions
from multigraft.core.registry.component import import_name
from multigraft.core.testing.conformance import check_built
from multigraft.core.testing.tiny_trunk import TinyBackbone
from multigraft.init import normal
from multigraft.stacks import KeyValues, LayerCache, Tokens

ANY = Options(kind="any")
PROMPT = PromptOptions(kind="any", sharing={"kind": "single"})
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


@pytest.mark.parametrize("name", ["T5", "BART", "DECODER"])
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
        (Leaky, ["the tokens of an item are others beside a longer one than alone"]),
        (Maskless, ["it is given a mask, and gives none for its tokens (items, tokens)"]),
        (Few, ["of an item it gives 32 tokens, and `tokens` says 31 at most"] * 2),
        (Unprepared, ["its `preparation` is tuple, no Preparation"]),
    ],
)
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
        (lambda: Narrow(predicts=True),
         ["`output` gives (2, 12, 259) torch.float32, and its vocabulary has 260 words"]),
    ],
)  # fmt: skip
def test_backbones_in_numbers(build, lines):
    assert check_built("backbones", lambda options: build(), ANY) == lines


class Mean(PromptGenerator):
    """One token of each row's media."""

    def __init__(self, shape):
        super().__init__()
        self.project = nn.Linear(shape.feature_width, shape.width)

    def forward(self, media, text):
        return Tokens(self.project(media.tokens.mean((1, 2)))[:, None])

    def most_tokens(self):
        return 1

    def initial(self, parameter):
        return normal(0.02)


class Crowd(Mean):
    def forward(self, media, text):
        made = super().forward(media, text)
        return Tokens(made.states - made.states.mean(0))


class Greedy(Mean):
    def forward(self, media, text):
        return Tokens(super().forward(media, text).states.expand(-1, 5, -1))


class Detached(Mean):
    def forward(self, media, text):
        return Tokens(super().forward(media, text).states.detach())


class Blind(Mean):
    needs = frozenset()

    def forward(self, media, text):
        return Tokens(self.project.weight.sum(1)[None, None])


class Careless(Mean):
    def initial(self, parameter):
        return lambda shape, generator: torch.rand(shape)


@pytest.mark.parametrize(
    ("prompt", "lines"),
    [
        (Mean, []),
        (Crowd, ["the prompt of a row depends on the other rows"]),
        (Greedy, ["it gives 5 tokens, and `most_tokens` says 1"]),
        (Detached, ["no gradient reaches any of its parameters"]),
        (Blind, ["its options say `reads_media = True`, and it needs []"]),
        (Careless, [f"the start value of project.{name} does not come from the generator alone"
                    for name in ("weight", "bias")]),
    ],
)  # fmt: skip
def test_prompts(prompt, lines):
    assert check_built("prompt_generators", lambda options, shape: prompt(shape), PROMPT) == lines


class Refusing(Input):
    """Reads nothing."""

    kind, extensions = "image", ("any",)

    def decode(self, data, *how):
        raise BadSample("no picture")

    def fingerprint(self):
        return "refusing"


class Crashing(Refusing):
    def decode(self, data, *how):
        return data[1_000]


class Gullible(Refusing):
    extensions = (".PNG",)

    def decode(self, data, *how):
        return data


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (Refusing, []),
        (Crashing, ["bytes that are no media are no BadSample to it: IndexError: index out of range"]),
        (Gullible, ["its ending '.PNG' must be lower case and without the dot", "it makes media of b''"]),
    ],
)
def test_inputs(made, lines):
    assert check_built("inputs", lambda options: made(), ANY) == lines


class Forgetful(Logger):
    def log(self, step, scalars):
        raise OSError("no room")


def test_loggers():
    lines = check_built("loggers", lambda options, folder: Forgetful(), ANY)
    assert lines == ["it fails when it is used: OSError: no room"]


class Echo(Task):
    """Asks for what it is told."""

    def example(self, annotation, draw):
        return TextPair(annotation.text, annotation.text)


class Telling(Echo):
    def ask(self, annotation):
        return self.example(annotation, None)


class Changing(Echo):
    asked = 0

    def example(self, annotation, draw):
        self.asked += 1
        return TextPair(str(self.asked), "")


@pytest.mark.parametrize(
    ("task", "line"),
    [
        (Telling, "the question that `ask` makes has the target 'which colour has the ball?'"),
        (Changing, "`example` gives another text when called again with the same draw"),
    ],
)
def test_tasks(task, line):
    assert check_built("tasks", lambda options: Echo(), ANY) == []
    assert line in check_built("tasks", lambda options: task(), ANY)
