"""Plays a BabyAI episode with minigrid's scripted expert and keeps what the agent sees."""

import contextlib
import io
import os
import random
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multigraft import MultigraftError
from multigraft.plugins.quickstart.episode_plan import Plan, Thing

Frame = NDArray[np.uint8]
"""`(126, 126, 3)`."""

_LEVELS = {
    "go-to": "BabyAI-GoToLocal-v0",
    "pick-up": "BabyAI-PickupLoc-v0",
    "open": "BabyAI-OpenDoor-v0",
    "put-next": "BabyAI-PutNextLocal-v0",
    "tour": "BabyAI-GoToLocalS6N4-v0",
}
_TILE = 18
_TOUR = ((1 / 6, 1 / 6), (1 / 3, 1 / 8), (1 / 3, 1 / 8), (1 / 6, 1 / 8))
"""Share and walk of each leg of a tour: its four stops are in view at 0, 1/3, 2/3 and 1 of the film."""
_ATTEMPTS = 500
_LONGEST_WALK = {"go-to": 13, "pick-up": 13, "open": 13, "put-next": 8, "tour": 6}
"""In frames."""


@dataclass(frozen=True)
class Leg:
    """What the agent sees on its way to something, and at last in front of it."""

    frames: tuple[Frame, ...]
    share: float
    """Part of the film it takes; its last frame is held until then."""
    walk: float
    """Part of the film in which it must have arrived."""


@dataclass(frozen=True)
class Episode:
    """A played episode."""

    plan: Plan
    legs: tuple[Leg, ...]
    mission: str
    visited: tuple[Thing, ...]
    """Objects in the order in which the agent reached them."""


@cache
def _level(kind: str) -> Any:
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import gymnasium
    import minigrid  # noqa: F401 - registers the levels

    return gymnasium.make(_LEVELS[kind], render_mode="rgb_array").unwrapped


def _see(level: Any) -> Frame:
    frame: Frame = level.get_frame(tile_size=_TILE, agent_pov=True)
    return frame


def _unique_things(level: Any) -> list[Thing]:
    cells = [cell for cell in level.grid.grid if cell is not None and cell.type in ("ball", "box", "key", "door")]
    counts = Counter(Thing(cell.color, cell.type) for cell in cells)
    return sorted((thing for thing, count in counts.items() if count == 1), key=str)


def _instruction(kind: str, things: tuple[Thing, ...]) -> Any:
    from minigrid.envs.babyai.core import verifier

    made = {
        "go-to": verifier.GoToInstr,
        "tour": verifier.GoToInstr,
        "pick-up": verifier.PickupInstr,
        "open": verifier.OpenInstr,
        "put-next": verifier.PutNextInstr,
    }[kind]
    return made(*(verifier.ObjDesc(thing.type, thing.color) for thing in things))


def _follow(level: Any, instruction: Any) -> list[tuple[int, Frame]] | None:
    """Let the expert carry out an instruction: its actions, each with the view after it; None if it fails."""
    from minigrid.utils.baby_ai_bot import BabyAIBot

    level.instrs = instruction
    instruction.reset_verifier(level)
    level.step_count, level.max_steps = 0, 100
    expert, action, steps = BabyAIBot(level), None, []
    for _ in range(level.max_steps):
        action = expert.replan(action)
        _, reward, ended, _, _ = level.step(action)
        if action != level.actions.done:
            steps.append((int(action), _see(level)))
        if ended or action == level.actions.done:
            return steps if reward > 0 else None
    return None


def _legs(kind: str, start: Frame, steps: list[tuple[int, Frame]], level: Any) -> list[Leg]:
    views = [start, *(frame for _, frame in steps)]
    if kind == "go-to":
        return [Leg(tuple(views), 1.0, 0.5)]
    if kind in ("pick-up", "open"):
        return [Leg(tuple(views[:-1]), 0.75, 0.5), Leg(tuple(views[-1:]), 0.25, 0.25)]
    taken = next(place for place, (action, _) in enumerate(steps) if action == level.actions.pickup) + 1
    return [Leg(tuple(views[:taken]), 0.5, 0.25), Leg(tuple(views[taken:]), 0.5, 0.25)]


def _mission(level: Any, plan: Plan, draw: random.Random) -> Episode | None:
    target = plan.target
    things = _unique_things(level)
    if target not in things or target is None:
        return None
    others = [thing for thing in things if thing != target]
    if plan.kind == "put-next" and not others:
        return None
    named = (target, draw.choice(others)) if plan.kind == "put-next" else (target,)
    instruction = _instruction(plan.kind, named)
    instruction.reset_verifier(level)
    if plan.kind == "put-next" and instruction.objs_next():
        return None
    start, mission = _see(level), instruction.surface(level)
    steps = _follow(level, instruction)
    if steps is None or (not steps and plan.kind != "go-to"):
        return None
    return Episode(plan, tuple(_legs(plan.kind, start, steps, level)), mission, named)


def _tour(level: Any, plan: Plan, draw: random.Random) -> Episode | None:
    things = _unique_things(level)
    if len(things) < len(_TOUR):
        return None
    stops = tuple(draw.sample(things, len(_TOUR)))
    legs = []
    for number, (stop, (share, walk)) in enumerate(zip(stops, _TOUR, strict=True)):
        steps = _follow(level, _instruction(plan.kind, (stop,)))
        if not steps:
            return None
        views = [frame for _, frame in steps]
        legs.append(Leg(tuple(views[-1:] if number == 0 else views), share, walk))
    return Episode(plan, tuple(legs), "", stops)


def play(plan: Plan) -> Episode:
    """Play rooms drawn from the plan's seed until one fits the plan and the walks are short.

    A tour begins in front of its first stop.

    Raises:
        MultigraftError: no room fitted.
    """
    from minigrid.utils.baby_ai_bot import DisappearedBoxError

    level, draw = _level(plan.kind), random.Random(plan.seed)
    carry_out = _tour if plan.kind == "tour" else _mission
    for _ in range(_ATTEMPTS):
        with contextlib.redirect_stdout(io.StringIO()):
            level.reset(seed=draw.randrange(2**31))
        try:
            episode = carry_out(level, plan, draw)
        except (AssertionError, DisappearedBoxError):
            continue
        if episode and all(len(leg.frames) <= _LONGEST_WALK[plan.kind] for leg in episode.legs):
            return episode
    raise MultigraftError(
        f"BabyAI {plan.kind} {plan.target}: the scripted expert found no room in {_ATTEMPTS} attempts; "
        "another --seed draws other rooms"
    )
