"""Which input reads a field, and what the encoder of its modality wants to be made of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.types.media import ending_of

if TYPE_CHECKING:
    from multigraft.core.interfaces.input import Input
    from multigraft.core.types.preparation import Preparation

Prepared = Mapping[int, tuple["Input", "Preparation"]]
"""Inputs by number, each with what it must make of bytes."""


def input_for(field: str, inputs: Sequence["Input"]) -> int:
    """Number of the first input that reads the extension of a field: an allow-list, whatever a shard may hold.

    Raises:
        BadSample: none does.
    """
    extension = ending_of(field)
    for number, each in enumerate(inputs):
        if extension in each.extensions:
            return number
    known = ", ".join(extension for each in inputs for extension in each.extensions) or "nothing"
    raise BadSample("no input reads it", f"field {field}; the recipe's inputs read {known}")


def kinds_by_ending(inputs: Sequence["Input"]) -> dict[str, str]:
    """The kind of media that each extension stands for; the first input that reads it says so."""
    return {ending: each.kind for each in reversed(inputs) for ending in each.extensions}


def prepared(inputs: Sequence["Input"], preparations: Mapping[str, "Preparation"]) -> Prepared:
    """Inputs with what each must make, by number; without those of a modality that has no encoder.

    Raises:
        MultigraftError: an encoder wants what the input of its modality does not make.
    """
    found = {}
    for number, each in enumerate(inputs):
        wanted = preparations.get(each.modality)
        if wanted is None:
            continue
        if not isinstance(wanted, each.prepares):
            raise MultigraftError(
                f"the {each.modality} encoder wants {type(wanted).__name__}, and the input of {each.kind}s "
                f"({', '.join(each.extensions)}) makes {each.prepares.__name__} alone"
            )
        found[number] = (each, wanted)
    return found


def plain_facts(facts: Mapping[str, float]) -> dict[str, float]:
    """What an input says of a medium, in numbers.

    Raises:
        ValueError: something in it is no finite number.
    """
    plain = {name: float(value) for name, value in facts.items()}
    if not all(map(math.isfinite, plain.values())):
        raise ValueError(f"not finite: {plain}")
    return plain


def no_encoder(modality: str, modalities: Iterable[str]) -> str:
    """Why a medium of a modality is of no use."""
    return f"its modality is {modality}; the encoders here read: {', '.join(modalities) or 'none'}"
