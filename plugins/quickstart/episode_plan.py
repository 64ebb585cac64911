"""What each BabyAI episode is to show, drawn so that no question can be answered from its text."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

COLORS = ("blue", "green", "grey", "purple", "red", "yellow")
THINGS = ("ball", "box", "key")
"""What can be carried."""

KINDS = {"tour": 10, "go-to": 9, "pick-up": 9, "open": 6, "put-next": 6}
"""Kind of episode -> how many of 40; a quarter of the objects reached by going, picking up and opening are doors."""

SHARES = {"validation": 0.06, "test": 0.14}
"""Part of the episodes; training gets the rest."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Thing:
    """An object by its colour and type."""

    color: str
    type: str

    def __str__(self) -> str:
        return f"{self.color} {self.type}"


@dataclass(frozen=True)
class Plan:
    """One episode to be played."""

    key: str
    kind: str
    target: Thing | None
    """The object of the mission; a tour visits what its room holds."""
    asks_action: bool
    """Whether «what did the agent do?» is asked; the four actions are asked about equally often."""
    answer_place: int
    """Place of the right answer among the four choices."""
    seed: int


def deal(cards: Sequence[Item], count: int, draw: random.Random) -> list[Item]:
    """`count` cards from shuffled packs laid one after the other."""
    dealt: list[Item] = []
    while len(dealt) < count:
        dealt += draw.sample(cards, len(cards))
    return dealt[:count]


def split_sizes(episodes: int) -> dict[str, int]:
    """Episodes of each split; each split has one at least."""
    held_out = {split: max(1, round(share * episodes)) for split, share in SHARES.items()}
    return {"train": episodes - sum(held_out.values()), **held_out}


def _targets(kind: str) -> list[Thing]:
    return [Thing(color, type_) for color in COLORS for type_ in (("door",) if kind == "open" else THINGS)]


def plan_episodes(split: str, episodes: int, seed: int) -> list[Plan]:
    """The episodes of a split, of `episodes` in all."""
    count = split_sizes(episodes)[split]
    draw = random.Random(f"babyai {split} {seed}")
    kinds = deal([kind for kind, share in KINDS.items() for _ in range(share)], count, draw)
    targets = {kind: iter(deal(_targets(kind), count, draw)) for kind in KINDS if kind != "tour"}
    asking = {kind: iter(deal((True, True, KINDS[kind] == 6), count, draw)) for kind in targets}
    places = deal(range(4), count, draw)
    return [
        Plan(
            key=f"babyai-{split}-{number:06d}",
            kind=kind,
            target=None if kind == "tour" else next(targets[kind]),
            asks_action=kind != "tour" and next(asking[kind]),
            answer_place=places[number],
            seed=draw.randrange(2**31),
        )
        for number, kind in enumerate(kinds)
    ]
