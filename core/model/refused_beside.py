"""What makes no sense beside a side network, since the trunk runs without gradient there."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from multigraft.core.errors import OptionError
from multigraft.core.recipe.prompts import prompts_of

if TYPE_CHECKING:
    from multigraft.core.graft.attach import Method
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.types.need import Need

_LEARNS_NOTHING = (
    "the trunk runs without gradient beside the side network '{}', so what is trained in it learns nothing"
)


def refuse_beside(methods: "Sequence[Method]", recipe: "Recipe", backbone: "Backbone") -> None:
    """Refuse what would act in the trunk, or enter it behind the embedding.

    Raises:
        OptionError: there is such a thing beside a side network, or a second one.
    """
    networks = [number for number, method in enumerate(methods) if method.sides]
    if not networks:
        return
    name = methods[networks[0]].name
    if len(networks) > 1:
        message = f"the graft has the side network '{name}' already"
        raise OptionError(("graft", "adapters", networks[1]), message, "leave out one of the two")
    inside = {site.name for site in backbone.sites()}
    for number, method in enumerate(methods):
        if any(site.name in inside for site in method.sites):
            message, hint = _LEARNS_NOTHING.format(name), "name stacks of an encoder in `sites`, or leave one out"
            raise OptionError(("graft", "adapters", number), message, hint)
    for key in ("backbone", "norms", "biases"):
        if getattr(recipe.graft.train, key):
            raise OptionError(("graft", "train", key), _LEARNS_NOTHING.format(name), "leave it out")
    for prompt in prompts_of(recipe):
        if prompt.options.layer != "embedding":
            message = f"the side network '{name}' reads what joins at the embedding, and this prompt joins behind it"
            raise OptionError((*prompt.place, "layer"), message, "say `embedding`, or leave it out")
    if recipe.train.shard:
        message = f"layers that run without gradient beside the side network '{name}' cannot be shared out"
        raise OptionError(("train", "shard"), message, "leave it out")


def refuse_states_beside(
    methods: "Sequence[Method]", needs: "Mapping[str, Collection[Need]]", backbone: "Backbone"
) -> None:
    """Refuse tasks that read the states of stacks which the trunk alone gives.

    Args:
        needs: of each task's objectives and evaluator.

    Raises:
        OptionError: a task reads them.
    """
    network = next((method for method in methods if method.sides), None)
    if network is None or len(backbone.stacks) == 1:
        return
    for task, wanted in needs.items():
        if any(need.what == "states" for need in wanted):
            message = f"it reads all stacks' states, and the side network '{network.name}' gives those of the last"
            raise OptionError(("tasks", task), message, "take an objective that predicts a target")
