"""The graft's side of a forward pass: one object a batch, handed down through the trunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.data.batch import Segment
from multigraft.core.graft.placement import Graft, Placement, runs
from multigraft.core.interfaces.adapter import Adapter, Call

Generated = Mapping[tuple[str, str], Mapping[tuple[str, str], Tensor]]
"""(method, task) -> (site, part) -> tensor."""


@dataclass(frozen=True)
class GraftCalls:
    """Adapters and overlays of a graft for the segments of one batch."""

    graft: Graft
    segments: tuple[Segment, ...]
    generated: Generated
    training: bool
    seen: set[str]
    """Names of the sites that the trunk has called."""

    def linear(self, site: str, module: nn.Linear, x: Tensor) -> Tensor:
        """A projection with its overlays and adapters: `(rows, tokens, width_in)` to `(rows, tokens, width_out)`."""
        return self._adapted(site, x, self._overlaid(site, module, x), module)

    def norm(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        """A normalisation with its overlays and adapters."""
        return self._adapted(site, x, self._overlaid(site, module, x), module)

    def block(self, site: str, x: Tensor, output: Tensor) -> Tensor:
        """A block's output after its adapters."""
        return self._adapted(site, x, output, None)

    def expand(self, copies: int) -> "GraftCalls":
        """For rows that were each repeated `copies` times in place."""
        segments = tuple(Segment(s.task, s.start * copies, s.stop * copies) for s in self.segments)
        return replace(self, segments=segments)

    def narrow(self, segment: Segment) -> "GraftCalls":
        """For the rows of one segment alone."""
        return replace(self, segments=(Segment(segment.task, 0, segment.stop - segment.start),))

    def _overlaid(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        self.seen.add(site)
        overlay = self.graft.overlay(site)
        if overlay is None:
            return module(x)  # type: ignore[no-any-return]
        found = runs(overlay.identity, self.segments)
        pieces = [
            functional_call(module, self._values(overlay, run.task), (rows,))
            for run, rows in zip(found, _apart(x, found), strict=True)
        ]
        return _joined(pieces)

    def _adapted(self, site: str, x: Tensor, output: Tensor, module: nn.Module | None) -> Tensor:
        self.seen.add(site)
        for placement in self.graft.sites.get(site, ()):
            if placement.adapter is not None:
                output = self._adapt(placement, placement.adapter, x, output, module)
        return output

    def _adapt(
        self, placement: Placement, adapter: Adapter, x: Tensor, output: Tensor, module: nn.Module | None
    ) -> Tensor:
        overlay = self.graft.overlay(placement.site.name)

        def identity(task: str) -> object:
            return placement.identity(task), overlay and overlay.identity(task)

        frozen: dict[str, Tensor] = {} if module is None else dict(module.named_parameters(recurse=False))
        found, pieces = runs(identity, self.segments), []
        for run, given, came in zip(found, _apart(x, found), _apart(output, found), strict=True):
            own = frozen | (self._values(overlay, run.task) if overlay else {})
            call = Call(placement.site, given, came, own.get("weight"), own.get("bias"), self.training)
            pieces.append(adapter.apply(call, self._values(placement, run.task)))
        return _joined(pieces)

    def _values(self, placement: Placement, task: str) -> dict[str, Tensor]:
        values = {name: self.graft.bank[key] for name, key in placement.keys[task].items()}
        if placement.generated:
            made = self.generated[placement.method, task]
            values.update({name: made[placement.site.name, name] for name in placement.generated})
        return values


def _apart(x: Tensor, found: Sequence[Segment]) -> Sequence[Tensor]:
    """The rows of each run. The gradients are joined in one piece, where those of slices would be added up."""
    return (x,) if len(found) == 1 else torch.split(x, [run.stop - run.start for run in found])


def _joined(pieces: Sequence[Tensor]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))


def make_calls(graft: Graft, segments: Sequence[Segment], training: bool) -> GraftCalls:
    """The calls of one batch; hypernetworks run here, once a task."""
    generated: dict[tuple[str, str], dict[tuple[str, str], Tensor]] = {}
    for network in graft.hypernetworks:
        for task in dict.fromkeys(segment.task for segment in segments):
            values = network.placement.values(graft.bank, task)
            made = functional_call(network.placement.module, values, (task,))
            generated.setdefault((network.method, task), {}).update(made)
    return GraftCalls(graft, tuple(segments), generated, training, set())
