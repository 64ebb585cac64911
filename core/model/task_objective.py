"""An objective of a task, with what it has of its own in a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torch import Tensor, nn

from multigraft.core.graft.left_out_module import LeftOutModule
from multigraft.core.interfaces.objective import Objective, Shapes

if TYPE_CHECKING:
    from multigraft.core.graft.attachment import GraftModule
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.encoder import Encoder


@dataclass(frozen=True)
class TaskObjective:
    """One of a task's objectives."""

    name: str
    """Unique within its task."""
    objective: Objective
    weight: float = 1.0
    """In its task's loss."""
    modules: Mapping[str, "GraftModule[nn.Module]"] = field(default_factory=dict)
    state: dict[str, Tensor] = field(default_factory=dict)
    """What it keeps between steps; replaced by `advance`."""

    def without_modules(self) -> "TaskObjective":
        """The same in a model without a graft."""
        modules = {name: LeftOutModule(each.name, each.module, each.keys) for name, each in self.modules.items()}
        return replace(self, modules=modules)


@dataclass(frozen=True)
class ObjectiveLoss:
    """What an objective makes of a task's rows in a batch: a sum, and what it is divided by."""

    name: str
    weight: float
    """In the task's loss."""
    sum: Tensor
    denominator: float
    """Of these rows alone."""
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    append: Mapping[str, Tensor] = field(default_factory=dict)


def shapes_of(backbone: "Backbone", encoders: "Mapping[str, Encoder]") -> Shapes:
    """The widths that objectives' modules stand between."""
    return Shapes(backbone.width, {modality: each.width for modality, each in encoders.items()})
