"""How the samples of a model's tasks become rows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from multigraft.core.data.rows import RowMaker, TextLimits
from multigraft.core.data.tokens import within

if TYPE_CHECKING:
    from multigraft.core.model.model import Model
    from multigraft.core.options.options import TaskOptions


def row_maker(model: "Model", tasks: "Mapping[str, TaskOptions]", seed: int = 0) -> RowMaker:
    """Texts are cut to the tasks' limits, or to what the backbone takes; then the objectives prepare them."""
    longest = model.backbone.longest
    limits = {
        name: TextLimits(within(task.text_limit, longest.input), within(task.target_limit, longest.output))
        for name, task in tasks.items()
    }
    prepare = {task: [each.objective.prepare for each in own] for task, own in model.objectives.items()}
    return RowMaker(model.backbone, limits, prepare, seed, {task: model.writing(task) for task in tasks})
