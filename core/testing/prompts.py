"""Whether a prompt generator keeps its contract: tokens of the backbone's width, each row's made of it alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.interfaces.prompt import MediaTokens, PromptGenerator, PromptShape
from multigraft.core.options.base import Options
from multigraft.core.options.options import PromptOptions
from multigraft.core.testing.starts import wrong_starts
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.tokens import Tokens

_ROWS, _TOKENS, _FEATURES, _WIDTH, _WORDS = 3, 16, 12, 8, 20


def wrong_prompt(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    shape = PromptShape(_FEATURES, _TOKENS, _WIDTH, nn.LayerNorm, _drawn(_WORDS, _WIDTH), TokenLayout.unsaid(_TOKENS))
    with torch.device("meta"):
        generator = build(options, shape=shape)
    if not isinstance(generator, PromptGenerator):
        yield f"`build` gives {type(generator).__name__}, no PromptGenerator"
        return
    if isinstance(options, PromptOptions) and options.reads_media != ("media" in generator.needs):
        yield f"its options say `reads_media = {options.reads_media}`, and it needs {sorted(generator.needs)}"
    for name in generator.unused(("image",)):
        if name not in type(options).model_fields:
            yield f"`unused` names {name!r}, which is no key of its options"
    problems = list(wrong_starts(generator, generator.initial))
    yield from problems
    if not problems:
        yield from _wrong_tokens(generator)


def _wrong_tokens(generator: PromptGenerator) -> Iterator[str]:
    values = {name: _value(generator, name, each) for name, each in generator.named_parameters()}
    media, text = _media(), Tokens(_drawn(_ROWS, 5, _WIDTH), torch.ones(_ROWS, 5, dtype=torch.bool))
    given = (media if "media" in generator.needs else None, text if "text" in generator.needs else None)
    made: Tokens = functional_call(generator, values, given)
    rows = _ROWS if generator.needs else 1
    if made.states.dim() != 3 or made.states.shape[::2] != (rows, _WIDTH):
        yield f"it gives {tuple(made.states.shape)}, not (rows {rows}, prompts, width {_WIDTH})"
        return
    if made.mask is not None and made.mask.shape != made.states.shape[:2]:
        yield f"its mask is {tuple(made.mask.shape)}, and its tokens {tuple(made.states.shape)}"
    most = generator.most_tokens()
    if most is not None and made.states.shape[1] > most:
        yield f"it gives {made.states.shape[1]} tokens, and `most_tokens` says {most}"
    if generator.needs and not torch.allclose(_first_alone(generator, values, given), made.states[:1], atol=1e-5):
        yield "the prompt of a row depends on the other rows"
    trained = [values[name] for name in values if not generator.frozen(name)]
    if trained and not any(each is not None for each in _gradients(made, trained)):
        yield "no gradient reaches any of its parameters"


def _first_alone(
    generator: PromptGenerator, values: dict[str, Tensor], given: tuple[MediaTokens | None, Tokens | None]
) -> Tensor:
    media, text = given
    first = (
        media and replace(media, tokens=media.tokens[:1], mask=media.mask[:1], times=media.times[:1]),
        text and Tokens(text.states[:1], text.mask[:1] if text.mask is not None else None),
    )
    made: Tokens = functional_call(generator, values, first)
    return made.states


def _gradients(made: Tokens, trained: list[Tensor]) -> tuple[Tensor | None, ...]:
    if not made.states.requires_grad:
        return ()
    return torch.autograd.grad(made.states.square().sum(), trained, allow_unused=True)


def _value(generator: PromptGenerator, name: str, parameter: Tensor) -> Tensor:
    drawn = generator.initial(name)(tuple(parameter.shape), torch.Generator().manual_seed(2))
    return drawn if generator.frozen(name) else drawn.requires_grad_()


def _media() -> MediaTokens:
    """A picture a row."""
    there, layout = torch.ones(_ROWS, 1, dtype=torch.bool), TokenLayout.unsaid(_TOKENS)
    return MediaTokens(_drawn(_ROWS, 1, _TOKENS, _FEATURES), there, torch.zeros(_ROWS, 1), "image", layout)


def _drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))
