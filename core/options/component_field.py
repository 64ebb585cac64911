"""`Registered(KIND)`: a field of a recipe that holds the options of any component of that kind.

The union over the installed components is found in the look-up given as validation context, so a plugin's options are
validated, and listed in the JSON schema, without an edit of ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from multigraft.core.errors import ComponentError
from multigraft.core.options.base import Options
from multigraft.core.options.lookup import ComponentLookup, lookup_of
from multigraft.core.suggest import did_you_mean, listing

if TYPE_CHECKING:
    from multigraft.core.options.source_options import SourceOptions


@dataclass(frozen=True)
class Registered:
    """Marks a field as naming a component: `Annotated[Options, Registered("adapters")]`."""

    component_kind: str

    def name_in(self, value: Any, lookup: ComponentLookup) -> str | None:
        """The component that a value as written names; None if there is none."""
        return component_name(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        lookup = lookup_of(None)
        names = list(lookup.names(self.component_kind))
        variants = []
        for name in names:
            model = lookup.options(self.component_kind, name)
            kind = {"kind": {"enum": [name, lookup.full_name(self.component_kind, name)]}}
            variants.append({"properties": kind, "allOf": [handler(model.__pydantic_core_schema__)]})
        return {"anyOf": [{"enum": names}, *variants]}

    def _validate(self, value: Any, info: ValidationInfo) -> Options:
        if isinstance(value, Options):
            return value
        lookup = lookup_of(info.context)
        name = component_name(value)
        if name is None:
            hint = listing(lookup.names(self.component_kind))
            raise PydanticCustomError(
                "component_kind_missing", "say which one by `kind: NAME`, or just its name", {"hint": hint}
            )
        return self._model(lookup, name).model_validate(value, context=info.context)

    def _model(self, lookup: ComponentLookup, name: str) -> type[Options]:
        try:
            return lookup.options(self.component_kind, name)
        except ComponentError as error:
            # pydantic takes the text as a template: braces of the message must come in as a value
            context = {"message": error.message, "hint": error.hint}
            raise PydanticCustomError("component_unknown", "{message}", context) from None


@dataclass(frozen=True)
class SourceOrText(Registered):
    """Marks a field that holds the options of a source, or a text: `Annotated[str | SourceOptions, SourceOrText()]`.

    `{NAME: FILES}`, with the name of a source, is short for `{kind: NAME, files: FILES}`.
    """

    component_kind: str = "sources"

    def name_in(self, value: Any, lookup: ComponentLookup) -> str | None:
        """The source by `kind`, or by the key that is the name of one."""
        return self._short_key(value, lookup) or (component_name(value) if isinstance(value, dict) else None)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        long = super().__get_pydantic_json_schema__(schema, handler)["anyOf"][1:]
        names = [variant["properties"]["kind"]["enum"][0] for variant in long]
        files = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
        short = [{"type": "object", "properties": {name: files}, "required": [name]} for name in names]
        return {"anyOf": [{"type": "string"}, *long, *short]}

    def _validate(self, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str | Options):
            return value
        lookup = lookup_of(info.context)
        key = self._short_key(value, lookup)
        if key is not None:
            _check_files(key, value[key])
            return cast("type[SourceOptions]", self._model(lookup, key)).of_short(key, value, info.context)
        if component_name(value) is None:
            raise self._no_source(value, lookup)
        return super()._validate(value, info)

    def _short_key(self, value: Any, lookup: ComponentLookup) -> str | None:
        if not isinstance(value, dict) or "kind" in value:
            return None
        return next((key for key in value if key in lookup.names(self.component_kind)), None)

    def _no_source(self, value: Any, lookup: ComponentLookup) -> PydanticCustomError:
        """What to say of something that is neither a text nor names a source."""
        names = lookup.names(self.component_kind)
        known = {key for name in names for key in self._model(lookup, name).model_fields}
        strange = [str(key) for key in value if key not in known] if isinstance(value, dict) else []
        message = "expected a pattern of shards, or a source such as `table: FILE` or `kind: NAME`"
        hint = did_you_mean(strange[0], names) if strange else listing(names)
        return PydanticCustomError("component_kind_missing", "{message}", {"message": message, "hint": hint})


def _check_files(key: str, value: Any) -> None:
    every = value if isinstance(value, list) else [value]
    if not every or not all(isinstance(each, str) and each for each in every):
        context = {"message": "expected a file or folder, or a list of them", "hint": "", "below": (key,)}
        raise PydanticCustomError("source_files", "{message}", context)


@dataclass(frozen=True)
class RegisteredByKey:
    """Marks a mapping whose values name components of a kind that the key decides:
    `Annotated[dict[str, EncoderOptions], RegisteredByKey("encoders", (("visual", "visual_encoders"),))]`."""

    others: str
    """Kind of component under all other keys."""
    own: tuple[tuple[str, str], ...]
    """Keys with a kind of their own."""

    def of(self, key: str | int) -> Registered:
        """The mark of what stands under a key."""
        return Registered(dict(self.own).get(str(key), self.others))

    @property
    def kinds(self) -> Iterable[str]:
        """Every kind that may stand there."""
        return (*(kind for _, kind in self.own), self.others)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        options = get_args(source)[-1]
        own = {
            key: core_schema.typed_dict_field(handler.generate_schema(Annotated[options, self.of(key)]), required=False)
            for key, _ in self.own
        }
        others = handler.generate_schema(Annotated[options, Registered(self.others)])
        return core_schema.typed_dict_schema(own, extras_schema=others, extra_behavior="allow")


def component_name(value: Any) -> str | None:
    """The name in `kind: NAME` or a bare `NAME`; None if there is none."""
    name = value.get("kind") if isinstance(value, dict) else value
    return name if isinstance(name, str) else None


def _dump(value: Any, info: Any) -> Any:
    if not isinstance(value, Options):
        return value
    return value.model_dump(mode=info.mode, exclude_unset=info.exclude_unset)
