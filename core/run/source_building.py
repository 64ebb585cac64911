"""Sources by what is said of them: validated options, and the source that is built of these."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from multigraft.core.errors import ComponentError, OptionError
from multigraft.core.interfaces.source import Source
from multigraft.core.options.base import Options
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.options.words import KEY, details_of, help_of, words_of
from multigraft.core.registry.registry import Registry
from multigraft.core.suggest import did_you_mean

KIND = "sources"


def source_options(registry: Registry, given: Mapping[str, Any]) -> SourceOptions:
    """The validated options of a source.

    Raises:
        OptionError: the first of what is wrong with them, with the nearest name.
        ComponentError: there is no such source.
    """
    model = registry.options(KIND, given["kind"])
    try:
        options = model.model_validate(given, context={"registry": registry})
    except ValidationError as error:
        raise _problem(details_of(error, given)[0], model, given["kind"]) from None
    if not isinstance(options, SourceOptions):
        raise ComponentError(f"the options of the source {given['kind']!r} are no SourceOptions", "tell its author")
    return options


def _problem(detail: Mapping[str, Any], model: type[Options], kind: str) -> OptionError:
    """The first sentence of an option's docstring is the hint, where there is no better one."""
    location = tuple(item for item in detail["loc"] if item != KEY)
    if detail["type"] == "extra_forbidden":
        hint = did_you_mean(str(location[-1]), model.model_fields)
        return OptionError(location, f"the source {kind!r} has no such option", hint)
    message, hint = words_of(detail)
    field = model.model_fields.get(str(location[0])) if location and detail["type"] != "value_error" else None
    return OptionError(location, message, hint or (help_of(field.description) if field else ""))


def built_source(registry: Registry, options: SourceOptions) -> Source:
    """The source of options.

    Raises:
        MultigraftError: it cannot be built.
    """
    if not options.task:
        raise OptionError(("task",), "say which task the annotations are for")
    source = registry.build(KIND, options)
    if not isinstance(source, Source):
        raise ComponentError(f"`build` of the source {options.kind!r} gives no Source", "tell its author")
    return source
