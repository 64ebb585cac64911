"""What stands behind the parts of an attachment in one batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.func import functional_call

from multigraft.core.graft.attachment import Attachment, Graft
from multigraft.core.types.batch import Segment
from multigraft.core.types.grouped import Grouped, Operand

Generated = Mapping[tuple[str, str, str], Sequence[Tensor]]
"""(method, site, part) -> the tensor of each task of the batch that a hypernetwork made."""


@dataclass
class Operands:
    """The parts of a graft for its rows of a batch, which are those of `segments`."""

    graft: Graft
    segments: Sequence[Segment]
    dtype: torch.dtype | None
    """What passes are computed in, if not in the parts' own."""
    generated: Generated = field(default_factory=dict)
    _cast: dict[int, Tensor] = field(default_factory=dict)

    def of(self, attachment: Attachment, cast: bool = True) -> dict[str, Operand]:
        """Each part; rows are counted from the graft's first."""
        found = {}
        for part in attachment.parts:
            if part.name in attachment.generated:
                made = self.generated[attachment.method, attachment.site.name, part.name]
                found[part.name] = self._joined(list(range(len(self.segments))), lambda n, made=made: made[n])  # type: ignore[misc]
            else:
                slots = [attachment.slots[segment.task][part.name] for segment in self.segments]
                found[part.name] = self._joined(slots, self._value if cast else self.graft.bank.at)
        return found

    def _joined(self, identities: Sequence[int], value: Callable[[int], Tensor]) -> Operand:
        """Neighbouring segments with equal identities have one value."""
        start = self.segments[0].start
        values, bounds = [identities[0]], [0, self.segments[0].stop - start]
        for identity, segment in zip(identities[1:], self.segments[1:], strict=True):
            if identity == values[-1]:
                bounds[-1] = segment.stop - start
            else:
                values.append(identity)
                bounds.append(segment.stop - start)
        if len(values) == 1:
            return value(values[0])
        return Grouped(tuple(map(value, values)), tuple(bounds))

    def _value(self, slot: int) -> Tensor:
        stored = self.graft.bank.at(slot)
        if self.dtype is None or stored.dtype == self.dtype:
            return stored
        if slot not in self._cast:
            self._cast[slot] = stored.to(self.dtype)
        return self._cast[slot]


def generate(graft: Graft, segments: Sequence[Segment]) -> Generated:
    """What the hypernetworks of a graft make for the tasks of its segments, all in one pass."""
    tasks, made = [segment.task for segment in segments], {}
    for network in graft.hypernetworks:
        values: dict[str, Tensor] = {}
        for task in tasks:
            values |= network.generator.values(graft.bank, task)
        parts = functional_call(network.generator.module, values, (tasks,), tie_weights=False)
        for (site, part), stacked in parts.items():
            made[network.method, site, part] = stacked.unbind(0)
    return made
