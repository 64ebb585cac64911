"""A narrow stack that runs with given values of its parameters, which are on the meta device."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.stack import Layer, LayerCache, LayerInputs, Seen, Stack
from multigraft.core.types.tokens import Tokens

Parameters = Mapping[str, tuple[str, Tensor]]
"""Parameters of a layer, or of what is around all layers, by the names they go by there: path in the stack, value."""


class Caller(nn.Module):
    """Calls methods of a stack and of its layers with other values."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.stack = stack
        paths = {id(value): name for name, value in stack.named_parameters()}
        whole = {id(value) for value in stack.outside_layers()}
        self._inside = [
            {name: paths[id(value)] for name, value in layer.named_parameters() if id(value) not in whole}
            for layer in stack.layers
        ]
        inside = {path for own in self._inside for path in own.values()}
        self._around = {path: path for path in paths.values() if path not in inside}

    def parameters_of(self, number: int | None) -> Parameters:
        """Those of a layer; for None, those around all layers."""
        names = self._around if number is None else self._inside[number]
        return {name: (path, self.stack.get_parameter(path)) for name, path in names.items()}

    def forward(self, method: str, *arguments: Any) -> Any:
        """What a method of the stack gives."""
        return getattr(self.stack, method)(*arguments)

    def around(self, values: Mapping[str, Tensor], method: str, *arguments: Any) -> Any:
        """What a method of the stack gives with other values of what is around its layers."""
        given = {f"stack.{path}": values[name] for name, path in self._around.items()}
        return functional_call(self, given, (method, *arguments), tie_weights=False)

    def layer(self, number: int, values: Mapping[str, Tensor], *arguments: Any) -> tuple[Tensor, LayerCache | None]:
        """What a layer gives with other values."""
        given = {name: values[name] for name in self._inside[number]}
        result: tuple[Tensor, LayerCache | None] = functional_call(
            self.stack.layers[number], given, arguments, tie_weights=False
        )
        return result


class _BoundLayer(Layer):
    def __init__(self, caller: Caller, number: int, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._given = caller, number, values

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """As the narrow layer's."""
        caller, number, values = self._given
        return caller.layer(number, values, x, shared, cache, intercept)


class BoundStack(Stack):
    """A narrow stack with values: of what is around its layers, and of each layer. Its tokens come in embedded."""

    def __init__(self, caller: Caller, around: Mapping[str, Tensor], layers: Sequence[Mapping[str, Tensor]]) -> None:
        super().__init__()
        own = caller.stack
        self.name, self.reads, self.memory = own.name, own.reads, own.memory
        self._caller, self._around = (caller,), around
        self.layers = nn.ModuleList(_BoundLayer(caller, number, values) for number, values in enumerate(layers))

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """Nothing is embedded here.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("a side network reads embedded tokens")

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """As the narrow stack's."""
        return self._call("shared", tokens, memory, past, intercept)  # type: ignore[no-any-return]

    def join(self, tokens: Tokens, inserted: Tokens, front: bool, as_text: bool) -> Tokens:
        """As the narrow stack's."""
        return self._caller[0].stack.join(tokens, inserted, front, as_text)

    def finish(self, x: Tensor, intercept: Interceptor) -> Tensor:
        """As the narrow stack's."""
        return self._call("finish", x, intercept)  # type: ignore[no-any-return]

    def _call(self, method: str, *arguments: Any) -> Any:
        return self._caller[0].around(self._around, method, *arguments)
