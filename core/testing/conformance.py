"""Cheap checks of anything registered, ours and theirs. Each gives a line for each thing that is wrong."""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.options.base import Options
from multigraft.core.options.options import (
    AdapterOptions,
    BackboneOptions,
    EncoderOptions,
    EvaluatorOptions,
    ObjectiveOptions,
    PromptOptions,
    TaskOptions,
)
from multigraft.core.options.sampler_options import SamplerOptions
from multigraft.core.options.search_options import SearchStrategyOptions
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.options.video_decoder_options import VideoDecoderOptions
from multigraft.core.options.words import details_of, words_of
from multigraft.core.registry.component import import_name
from multigraft.core.registry.registry import Registration, Registry, missing_requirement

OPTIONS_OF_KIND: dict[str, type[Options]] = {
    "adapters": AdapterOptions,
    "backbones": BackboneOptions,
    "evaluators": EvaluatorOptions,
    "encoders": EncoderOptions,
    "objectives": ObjectiveOptions,
    "prompt_generators": PromptOptions,
    "samplers": SamplerOptions,
    "search_strategies": SearchStrategyOptions,
    "sources": SourceOptions,
    "tasks": TaskOptions,
    "video_decoders": VideoDecoderOptions,
    "visual_encoders": EncoderOptions,
}
"""What the options of a kind must subclass; `Options` for the rest."""

DEEPER = {
    "adapters": "multigraft.core.testing.adapters:wrong_adapter",
    "answer_formats": "multigraft.core.testing.answer_formats:wrong_answer_format",
    "backbones": "multigraft.core.testing.backbones:wrong_backbone",
    "encoders": "multigraft.core.testing.encoders:wrong_encoder",
    "engines": "multigraft.core.testing.engines:wrong_engine",
    "evaluators": "multigraft.core.testing.evaluators:wrong_evaluator",
    "inputs": "multigraft.core.testing.inputs:wrong_input",
    "loggers": "multigraft.core.testing.loggers:wrong_logger",
    "metrics": "multigraft.core.testing.metrics:wrong_metric",
    "objectives": "multigraft.core.testing.objectives:wrong_objective",
    "prompt_generators": "multigraft.core.testing.prompts:wrong_prompt",
    "samplers": "multigraft.core.testing.samplers:wrong_sampler",
    "search_strategies": "multigraft.core.testing.search_strategies:wrong_search_strategy",
    "sharing": "multigraft.core.testing.sharing_rules:wrong_sharing",
    "sources": "multigraft.core.testing.sources:wrong_source",
    "tasks": "multigraft.core.testing.tasks:wrong_task",
    "video_decoders": "multigraft.core.testing.video_decoders:wrong_video_decoder",
    "visual_encoders": "multigraft.core.testing.encoders:wrong_visual_encoder",
}
"""Checks of what is built, by kind: (`build`, options) to the lines of what is wrong. Imported when needed."""

NEEDED: dict[str, dict[str, Any]] = {
    "sources": {"files": ["none"], "task": "any"},
    "tasks": {"data": {"train": ["none.tar"]}},
}
"""What must be given to all components of a kind, beside their default options, to build them."""


def check_component(registration: Registration, registry: Registry, deep: bool = True) -> list[str]:
    """Everything that is wrong with a component; nothing is built whose requirements are missing.

    Args:
        deep: whether to build it with its default options and look at what it does.
    """
    try:
        model = registry.options(registration.kind, registration.full_name)
    except MultigraftError as error:
        return [str(error)]
    problems = [*_wrong_options(model, registration, registry), *_wrong_build(registration)]
    if deep and not problems and not missing_requirement(registration.component):
        problems += _wrong_when_built(model, registration, registry)
    return problems


def check_built(kind: str, build: Callable[..., Any], options: Options) -> list[str]:
    """Everything that is wrong with what `build` makes of options, for the kinds that have such checks.

    Check a component with this whose options have no defaults.
    """
    try:
        return _wrong_of_kind(kind, build, options)
    except Exception as error:  # a third party's component may fail in any way
        return [f"it fails when it is used: {type(error).__name__}: {error}"]


def _wrong_of_kind(kind: str, build: Callable[..., Any], options: Options) -> list[str]:
    return list(import_name(DEEPER[kind])(build, options)) if kind in DEEPER else []


def _wrong_options(model: type[Options], registration: Registration, registry: Registry) -> Iterator[str]:
    base = OPTIONS_OF_KIND.get(registration.kind, Options)
    if not issubclass(model, base):
        yield f"its options {model.__name__} must subclass {base.__name__}"
    if not (model.__doc__ or "").strip():
        yield f"its options {model.__name__} have no docstring"
    for name, field in model.model_fields.items():
        if not field.description:
            yield f"its option {name!r} has no docstring under it"
    yield from _wrong_defaults(model, registration, registry)


def _wrong_defaults(model: type[Options], registration: Registration, registry: Registry) -> Iterator[str]:
    """Defaults that do not validate; a default of None may be refused, to say that the option must be given."""
    try:
        model.model_validate({"kind": registration.full_name}, context={"registry": registry})
    except ValidationError as error:
        for detail in details_of(error, {}):
            if detail["type"] != "missing" and detail["input"] is not None:
                place = ".".join(map(str, detail["loc"]))
                yield f"the default of its option {place!r} is refused: {words_of(detail)[0]}"


def _wrong_build(registration: Registration) -> Iterator[str]:
    component = registration.component
    if missing_requirement(component):
        return
    try:
        build = import_name(component.build)
    except Exception as error:  # a third party's module may fail in any way
        yield f"its build target {component.build} cannot be imported: {type(error).__name__}: {error}"
        return
    if not callable(build):
        yield f"its build target {component.build} cannot be called"


def _wrong_when_built(model: type[Options], registration: Registration, registry: Registry) -> list[str]:
    """What the deeper checks find with default options; nothing where there are none that it could be built with."""
    given = {"kind": registration.full_name, **NEEDED.get(registration.kind, {})}
    try:
        options = model.model_validate(given, context={"registry": registry})
        return _wrong_of_kind(registration.kind, import_name(registration.component.build), options)
    except (ValidationError, OptionError):
        return []
    except Exception as error:  # a third party's component may fail in any way
        return [f"it fails when it is used: {type(error).__name__}: {error}"]
