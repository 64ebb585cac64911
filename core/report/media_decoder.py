"""The decoder of a run's media: the inputs of its recipe, and their bounds."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.input import Input
from multigraft.core.options.component_field import component_name
from multigraft.core.options.words import told_of
from multigraft.core.recipe.recipe import DataSection, Recipe
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import Registry
from multigraft.core.types.log_mel import LogMel
from multigraft.core.types.preparation import Preparation
from multigraft.core.types.transform import Transform

SIDE = 144
"""Longer side of a small picture, in pixels."""
_SHOWN = Transform(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), fit="whole")
_HEARD = LogMel(seconds=600.0)


def decoder_of(recipe: Mapping[str, Any], registry: Registry) -> tuple[MediaDecoder, list[str]]:
    """A decoder to small pictures and to log-mel energies, and a line for each input that cannot be had here, such as
    one of another plugin, or whose media a page cannot show."""
    wanted = recipe.get("inputs") or Recipe.model_fields["inputs"].default
    inputs, problems = inputs_of(wanted if isinstance(wanted, list) else [wanted], registry)
    shown = {each.modality: _shown(each, inputs) for each in inputs}
    problems += [f"This page knows no way to draw {each.kind}s." for each in inputs if not shown[each.modality]]
    return MediaDecoder(inputs, {name: each for name, each in shown.items() if each}, _workers(recipe)), problems


def inputs_of(wanted: Sequence[Any], registry: Registry) -> tuple[list[Input], list[str]]:
    """The inputs that are written so, and a line for each that cannot be had here."""
    inputs: list[Input] = []
    problems = []
    for each in wanted:
        try:
            inputs.append(_input(each, registry))
        except (MultigraftError, ValidationError) as error:
            problems.append(
                f"The recipe's input {component_name(each) or each} cannot be used here: {_short(error, each)}"
            )
    return inputs, problems


def _shown(reader: Input, inputs: Sequence[Input]) -> Preparation | None:
    """What media of an input's modality become in a page; None where some input of it makes neither of the two."""
    own = [each.prepares for each in inputs if each.modality == reader.modality]
    return next((one for one in (_SHOWN, _HEARD) if all(isinstance(one, each) for each in own)), None)


def _input(written: Any, registry: Registry) -> Input:
    name = component_name(written) or ""
    options = registry.options("inputs", name).model_validate(written, context={"registry": registry})
    return build_input(registry, options)


def _workers(recipe: Mapping[str, Any]) -> DecodeWorkers:
    """One decoding process, with the recipe's deadline."""
    try:
        deadline = DataSection.model_validate(recipe.get("data") or {}).deadline
    except ValidationError:  # a recipe of another version
        return DecodeWorkers()
    return DecodeWorkers(deadline=deadline)


def _short(error: Exception, written: Any) -> str:
    return told_of(error, written) if isinstance(error, ValidationError) else str(error)
