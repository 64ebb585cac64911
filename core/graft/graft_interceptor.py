"""The graft's side of a forward pass: one object a batch, handed down through the trunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multigraft.core.graft.attachment import Attachment, Graft, merged_segments
from multigraft.core.interfaces.adapter import Adapter, SiteCall
from multigraft.core.types.batch import Segment

Generated = Mapping[tuple[str, str], Mapping[tuple[str, str], Tensor]]
"""(method, task) -> (site, part) -> tensor."""


@dataclass(frozen=True)
class GraftInterceptor:
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

    def expand(self, copies: int) -> "GraftInterceptor":
        """For rows that were each repeated `copies` times in place."""
        segments = tuple(Segment(s.task, s.start * copies, s.stop * copies) for s in self.segments)
        return replace(self, segments=segments)

    def narrow(self, segment: Segment) -> "GraftInterceptor":
        """For the rows of one segment alone."""
        return replace(self, segments=(Segment(segment.task, 0, segment.stop - segment.start),))

    def _overlaid(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        self.seen.add(site)
        overlay = self.graft.overlay(site)
        if overlay is None:
            return module(x)  # type: ignore[no-any-return]
        found = merged_segments(overlay.identity, self.segments)
        pieces = [
            functional_call(module, self._values(overlay, segment.task), (rows,))
            for segment, rows in zip(found, _apart(x, found), strict=True)
        ]
        return _joined(pieces)

    def _adapted(self, site: str, x: Tensor, output: Tensor, module: nn.Module | None) -> Tensor:
        self.seen.add(site)
        for attachment in self.graft.sites.get(site, ()):
            if attachment.adapter is not None:
                output = self._adapt(attachment, attachment.adapter, x, output, module)
        return output

    def _adapt(
        self, attachment: Attachment, adapter: Adapter, x: Tensor, output: Tensor, module: nn.Module | None
    ) -> Tensor:
        overlay = self.graft.overlay(attachment.site.name)

        def identity(task: str) -> object:
            return attachment.identity(task), overlay and overlay.identity(task)

        frozen: dict[str, Tensor] = {} if module is None else dict(module.named_parameters(recurse=False))
        found, pieces = merged_segments(identity, self.segments), []
        for segment, given, came in zip(found, _apart(x, found), _apart(output, found), strict=True):
            own = frozen | (self._values(overlay, segment.task) if overlay else {})
            call = SiteCall(attachment.site, given, came, own.get("weight"), own.get("bias"), self.training)
            pieces.append(adapter.apply(call, self._values(attachment, segment.task)))
        return _joined(pieces)

    def _values(self, attachment: Attachment, task: str) -> dict[str, Tensor]:
        values = {name: self.graft.bank[key] for name, key in attachment.keys[task].items()}
        if attachment.generated:
            made = self.generated[attachment.method, task]
            values.update({name: made[attachment.site.name, name] for name in attachment.generated})
        return values


def _apart(x: Tensor, found: Sequence[Segment]) -> Sequence[Tensor]:
    """The rows of each segment. The gradients are joined in one piece, where those of slices would be added up."""
    return (x,) if len(found) == 1 else torch.split(x, [segment.stop - segment.start for segment in found])


def _joined(pieces: Sequence[Tensor]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))


def make_interceptor(graft: Graft, segments: Sequence[Segment], training: bool) -> GraftInterceptor:
    """The interceptor of one batch; hypernetworks run here, once a task."""
    generated: dict[tuple[str, str], dict[tuple[str, str], Tensor]] = {}
    for network in graft.hypernetworks:
        for task in dict.fromkeys(segment.task for segment in segments):
            values = network.generator.values(graft.bank, task)
            made = functional_call(network.generator.module, values, (task,))
            generated.setdefault((network.method, task), {}).update(made)
    return GraftInterceptor(graft, tuple(segments), generated, training, set())
