"""Questions about BabyAI episodes; given only the text, each of the four choices is equally likely to be right."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from multigraft import Annotation
from multigraft.plugins.quickstart.bundle import caption, question
from multigraft.plugins.quickstart.episode_plan import COLORS, THINGS, Plan, Thing

FIELD = "mp4"
ACTIONS = {"go-to": "go to", "pick-up": "pick up", "open": "open", "put-next": "put next to"}
"""Kind of episode -> what the agent did."""


@dataclass(frozen=True)
class Asked:
    """A question with its right answer and three wrong ones."""

    type: str
    text: str
    answer: str
    wrong: Sequence[str]


def _crossed(target: Thing, types: Sequence[str], draw: random.Random) -> list[str]:
    """Right colour with wrong type, wrong colour with right type, and both wrong."""
    color = draw.choice([other for other in COLORS if other != target.color])
    type_ = draw.choice([other for other in types if other != target.type])
    return [str(Thing(target.color, type_)), str(Thing(color, target.type)), str(Thing(color, type_))]


def _about_target(plan: Plan, target: Thing, draw: random.Random) -> Iterator[Asked]:
    moved = plan.kind == "put-next"
    done = "moved" if moved else "reached"
    types = THINGS if moved else (*THINGS, "door")
    colors = draw.sample([color for color in COLORS if color != target.color], 3)
    verb = "move" if moved else "reach"
    yield Asked("object", f"which item did the agent {verb}?", str(target), _crossed(target, types, draw))
    yield Asked("colour", f"what color is the item that the agent {done}?", target.color, colors)
    if not moved:
        kinds = [type_ for type_ in types if type_ != target.type]
        yield Asked("type", "what kind of item did the agent reach?", target.type, kinds)
    if plan.asks_action:
        wrong = [name for kind, name in ACTIONS.items() if kind != plan.kind]
        yield Asked("action", "what did the agent do?", ACTIONS[plan.kind], wrong)


def _about_order(visited: Sequence[Thing]) -> Iterator[Asked]:
    names = [str(thing) for thing in visited]
    yield Asked("order", "which item did the agent reach first?", names[0], names[1:])
    yield Asked("order", "which item did the agent reach last?", names[-1], names[:-1])


def ask(plan: Plan, visited: Sequence[Thing], mission: str) -> list[Annotation]:
    """Multiple-choice and open questions about an episode, and its mission as a caption."""
    draw = random.Random(f"{plan.key} {plan.seed}")
    asked = list(_about_target(plan, visited[0], draw) if plan.target else _about_order(visited))
    rows = []
    for number, one in enumerate(asked):
        choices = draw.sample(one.wrong, len(one.wrong))
        choices.insert((plan.answer_place + number) % 4, one.answer)
        task = "multiple-choice-video-question-answering"
        rows.append(question(task, one.type, one.text, [one.answer], [FIELD], choices))
        rows.append(question("open-video-question-answering", one.type, one.text, [one.answer], [FIELD]))
    if mission:
        rows.append(caption("video-captioning", plan.kind, [mission], [FIELD]))
    return rows
