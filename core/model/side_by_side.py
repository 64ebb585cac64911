"""Models that are trained side by side over one trunk, on the same samples: the arms of a search."""

from collections.abc import Sequence

from multigraft.core.model.model import Model
from multigraft.core.model.objectives import learning_state

Images = dict[str, dict[str, int]]
"""Of a task's sample, or clips of sound, at most, by modality; any number of one that is left out."""


def apart(model: Model, first: Model) -> str:
    """Why two models cannot be trained side by side; empty if they can.

    What one moved in the trunk would be moved under the other.
    """
    if learning_state(model):
        return "a search has no objectives that keep something between steps, such as a queue"
    if model.graft.bank.adopted.keys() != first.graft.bank.adopted.keys():
        return (
            "some arms train parts of the trunk in place that others do not, and all have one trunk; "
            "let all train them (`search.trains: backbone`), or none"
        )
    return ""


def fewest_images(models: Sequence[Model]) -> Images:
    """What the prompts of all of them have room for."""
    found: Images = {task: {} for task in models[0].objectives}
    for model in models:
        for task, own in found.items():
            for modality, most in model.most_images(task).items():
                own[modality] = min(most, own.get(modality, most))
    return found
