"""`Registered(KIND)`: a field of a recipe that holds the options of any component of that kind.

The union over the installed components is found in the registry given as validation context, so a plugin's
options are validated, and listed in the JSON schema, without an edit of ours.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from multigraft.core.config.options import Options

if TYPE_CHECKING:
    from multigraft.core.registry import Registry


@dataclass(frozen=True)
class Registered:
    """Marks a field as naming a component: `Annotated[Options, Registered("adapters")]`."""

    component_kind: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        from multigraft.core.registry import default_registry

        registry = default_registry()
        names = registry.names(self.component_kind)
        variants = [registry.options(self.component_kind, name).model_json_schema() for name in names]
        return {"anyOf": [{"enum": names}, *variants]}

    def _validate(self, value: Any, info: ValidationInfo) -> Options:
        if isinstance(value, Options):
            return value
        kind = value.get("kind") if isinstance(value, dict) else value
        if not isinstance(kind, str):
            raise PydanticCustomError(
                "component_kind_missing",
                "say which one by `kind: NAME`, or just its name",
                {"component_kind": self.component_kind},
            )
        model = _registry(info).options(self.component_kind, kind)
        return model.model_validate(value, context=info.context)


def _registry(info: ValidationInfo) -> "Registry":
    if info.context and "registry" in info.context:
        return cast("Registry", info.context["registry"])
    from multigraft.core.registry import default_registry

    return default_registry()


def _dump(value: Any, info: Any) -> Any:
    if not isinstance(value, Options):
        return value
    return value.model_dump(mode=info.mode, exclude_unset=info.exclude_unset)
