"""What happens in an episode, and what could be asked about it, without playing it."""

import random

from multigraft import Annotation
from multigraft.plugins.quickstart.episode_plan import COLORS, THINGS, Plan, Thing
from multigraft.plugins.quickstart.episode_questions import ACTIONS, ask


def imagined(plan: Plan, draw: random.Random) -> tuple[str, list[Annotation]]:
    """The episode in words, and its questions and caption."""
    things = draw.sample([Thing(color, type_) for color in COLORS for type_ in THINGS], 4)
    if plan.target is None:
        return ", ".join(map(str, things)), ask(plan, things, "")
    other = next(thing for thing in things if thing != plan.target)
    mission = f"{ACTIONS[plan.kind]} the {plan.target}"
    if plan.kind == "put-next":
        mission = f"put the {plan.target} next to the {other}"
    return mission.replace("the ", ""), ask(plan, (plan.target, other), mission)
