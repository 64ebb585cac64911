"""Parameters of a graft and its trunk: what is trained, and who owns it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import nn

from multigraft.core.graft.bank import Bank
from multigraft.core.interfaces.projection import quantized_modules


@dataclass(frozen=True)
class ParameterTable:
    """Counts of numbers. `total` leaves out the frozen encoders; a trunk tensor and its overlay count once."""

    total: int
    total_with_encoder: int
    trainable: int
    by_owner: dict[str, int]
    by_part: dict[str, int]

    @property
    def percent(self) -> float:
        """Trainable share of `total`, 0 to 100."""
        return 100 * self.trainable / self.total

    def to_json(self) -> dict[str, Any]:
        """The form of `results.json`."""
        return {
            "total": self.total,
            "total_with_encoder": self.total_with_encoder,
            "trainable": self.trainable,
            "percent": self.percent,
            "by_owner": self.by_owner,
            "by_part": self.by_part,
        }


def count_parameters(bank: Bank, backbone: nn.Module, encoders: Iterable[nn.Module]) -> ParameterTable:
    """Count without allocating anything; works on the meta device."""
    by_owner: Counter[str] = Counter()
    by_part: Counter[str] = Counter()
    added = 0
    for key, entry in bank.entries.items():
        size = prod(entry.part.shape)
        added += 0 if entry.overlay else size
        if entry.part.trained:
            by_owner[key.owner.task_scope] += size
            by_part[key.owner.site_scope if key in bank.adopted else key.part] += size
    trained, frozen = _encoders(bank, encoders)
    total = count(backbone) + trained + added
    return ParameterTable(total, total + frozen, sum(by_owner.values()), dict(by_owner), dict(by_part))


def _encoders(bank: Bank, encoders: Iterable[nn.Module]) -> tuple[int, int]:
    """Numbers of those that are trained in place, and of those that are frozen."""
    sizes = Counter[bool]()
    for encoder in encoders:
        sizes[bank.trains(encoder)] += count(encoder)
    return sizes[True], sizes[False]


def count(module: nn.Module) -> int:
    """Numbers in the parameters and quantised weights of a module; tied ones count once."""
    plain = sum(parameter.numel() for parameter in module.parameters())
    return plain + sum(each.numbers for each in quantized_modules(module))
