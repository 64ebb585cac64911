"""What one graft does at one site in a batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.graft.planned import PlannedAdapter, PlannedPrefix
from multigraft.core.graft.side import PlannedSide
from multigraft.core.interfaces.adapter import SiteCall
from multigraft.core.interfaces.projection import Projection
from multigraft.core.ops.grouping import by_owner, rebound
from multigraft.core.types.grouped import Operand
from multigraft.core.types.site import Site
from multigraft.core.types.tokens import AttentionCall


class OwnTensors:
    """A site's weight and bias in use, read when asked for."""

    __slots__ = ("_module", "_overlay")

    def __init__(self, module: Projection | nn.Module | None, overlay: Mapping[str, Operand]) -> None:
        self._module, self._overlay = module, overlay

    @property
    def weight(self) -> Operand | None:
        """That of the overlay, else the module's."""
        return self._overlay["weight"] if "weight" in self._overlay else getattr(self._module, "weight", None)

    @property
    def bias(self) -> Operand | None:
        """That of the overlay, else the module's."""
        return self._overlay["bias"] if "bias" in self._overlay else getattr(self._module, "bias", None)


@dataclass(frozen=True)
class SiteUse:
    """Overlays, adapters and prefixes of a graft at a site, for the graft's rows."""

    site: Site
    overlay: Mapping[str, Operand]
    adapters: tuple[PlannedAdapter, ...]
    prefixes: tuple[PlannedPrefix, ...]
    side: PlannedSide | None = None
    """What runs beside the stack, at the site that stands for it."""

    def linear(self, projection: Projection, x: Tensor, mask: Tensor | None, training: bool) -> Tensor:
        """A projection with its overlays and adapters."""
        call = self._before(SiteCall(self.site, x, x, OwnTensors(projection, self.overlay), mask, training))
        return self._after(call, self._overlaid(call.input, projection, self._projected))

    def norm(self, module: nn.Module, x: Tensor, mask: Tensor | None, training: bool) -> Tensor:
        """A normalisation or an embedding with its overlays and adapters."""
        call = self._before(SiteCall(self.site, x, x, OwnTensors(module, self.overlay), mask, training))
        return self._after(call, self._overlaid(call.input, module, self._normed))

    def block(
        self, x: Tensor, output: Tensor, mask: Tensor | None, training: bool, residual: Tensor | None = None
    ) -> Tensor:
        """A block's output after its adapters."""
        return self._after(SiteCall(self.site, x, output, OwnTensors(None, {}), mask, training, residual), output)

    def attention(self, call: AttentionCall) -> AttentionCall:
        """The attention with the prefixes in front of its memory."""
        for prefix in reversed(self.prefixes):
            call = prefix.in_front(call)
        return call

    def rebound(self, places: Mapping[int, int]) -> "SiteUse":
        """The same for rows whose bounds have moved."""
        return SiteUse(
            self.site,
            {name: rebound(operand, places) for name, operand in self.overlay.items()},
            tuple(adapter.rebound(places) for adapter in self.adapters),
            tuple(prefix.rebound(places) for prefix in self.prefixes),
            self.side and self.side.rebound(places),
        )

    def _before(self, call: SiteCall) -> SiteCall:
        for adapter in self.adapters:
            if adapter.has_before:
                given = adapter.before(call)
                call = replace(call, input=given, output=given)
        return call

    def _after(self, call: SiteCall, output: Tensor) -> Tensor:
        for adapter in self.adapters:
            if adapter.has_after:
                output = adapter.after(replace(call, output=output))
        return output

    def _overlaid(self, x: Tensor, module: nn.Module | Projection, run: Callable[..., Tensor]) -> Tensor:
        if not self.overlay:
            return module(x)
        if self._runs is None:
            return run(module, self.overlay, x)
        pieces = torch.split(x, [stop - start for start, stop, _ in self._runs])
        return torch.cat([run(module, values, rows) for (_, _, values), rows in zip(self._runs, pieces, strict=True)])

    @cached_property
    def _runs(self) -> list[tuple[int, int, dict[str, Tensor]]] | None:
        return by_owner(self.overlay)

    @staticmethod
    def _projected(projection: Projection, values: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return projection(x, values["bias"])

    @staticmethod
    def _normed(module: nn.Module, values: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(module, dict(values), (x,), tie_weights=False)  # type: ignore[no-any-return]
