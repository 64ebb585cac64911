"""Prompt generators, inputs, loggers and tasks that keep their contracts, and what is said of others."""

from itertools import count

import pytest
import torch
from torch import nn

from multigraft import BadSample, Input, Logger, PromptGenerator, Task, TextPair
from multigraft.core.options.base import Options
from multigraft.core.options.options import PromptOptions
from multigraft.core.testing.conformance import check_built
from multigraft.init import normal
from multigraft.stacks import Tokens

ANY = Options(kind="any")
PROMPT = PromptOptions(kind="any", sharing={"kind": "single"})


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


class Masked(Mean):
    def forward(self, media, text):
        states = super().forward(media, text).states
        return Tokens(states, torch.ones(len(states), 2, dtype=torch.bool))


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
        (Masked, ["its mask is (3, 2), and its tokens (3, 1, 8)"]),
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


class Changing(Refusing):
    built = count()

    def __init__(self):
        self.number = next(self.built)

    def fingerprint(self):
        return f"changing {self.number}"


class Gullible(Refusing):
    extensions = (".PNG",)

    def decode(self, data, *how):
        return data


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (Refusing, []),
        (Crashing, ["bytes that are no media are no BadSample to it: IndexError: index out of range"]),
        (Changing, ["its fingerprint differs when it is built again with the same options"]),
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


class Fickle(Echo):
    asked = 0

    def example(self, annotation, draw):
        self.asked += 1
        return TextPair(str(self.asked), "")


@pytest.mark.parametrize(
    ("task", "line"),
    [
        (Telling, "the question that `ask` makes has the target 'which colour has the ball?'"),
        (Fickle, "`example` gives another text when called again with the same draw"),
    ],
)
def test_tasks(task, line):
    assert check_built("tasks", lambda options: Echo(), ANY) == []
    assert line in check_built("tasks", lambda options: task(), ANY)
