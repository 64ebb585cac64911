"""Prompts that mark the states which they join: no token can be decoded behind these."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from multigraft.core.errors import OptionError

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.model.prompting import PlacedPrompt
    from multigraft.core.types.need import Need


def refuse_decoding_behind_marks(
    prompts: "Sequence[PlacedPrompt]", needs: "Mapping[str, Collection[Need]]", backbone: "Backbone"
) -> None:
    """Refuse tasks that decode in a stack whose states a prompt marks.

    Args:
        needs: of each task's objectives and evaluator.

    Raises:
        OptionError: there is such a task.
    """
    for prompt in prompts:
        at = prompt.entrance
        if not prompt.generator.marks or at.stack != backbone.predicts or at.layer == "memory":
            continue
        decoding = {"beginning", "targets"} if prompt.entrance.place == "back" else {"beginning"}
        for task, wanted in needs.items():
            if prompt.joins(task) and any(need.what in decoding for need in wanted):
                message = f"this prompt marks the states of the {backbone.predicts}, where the task {task!r} decodes"
                hint = "let it mark nothing, join another stack, or let the task classify"
                raise OptionError(prompt.place, message, hint)
