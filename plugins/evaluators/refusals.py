"""What evaluators cannot work with."""

from collections.abc import Sequence

from multigraft import Backbone, Objective, OptionError


def no_targets(backbone: Backbone) -> str | None:
    """Why texts cannot be generated or scored over a backbone; None where they can."""
    return None if backbone.predicts is not None else "this backbone predicts no targets; take `classify`"


def require_texts(objectives: Sequence[Objective]) -> None:
    """Refuse objectives that train no output text.

    Raises:
        OptionError: none of them reads the states of targets.
    """
    if not any(need.what == "targets" for objective in objectives for need in objective.needs):
        sorting = any(objective.labels for objective in objectives)
        message = "no objective of the task trains a text that could be generated or scored"
        raise OptionError((), message, "write `evaluator: classify`" if sorting else "write `evaluator: loss`")
