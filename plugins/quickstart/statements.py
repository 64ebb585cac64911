"""Statements about two pictures, each text as often true as false, so that nothing can be told from the text alone."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Generic, TypeVar

from multigraft import Annotation
from multigraft.plugins.quickstart.bundle import question

Picture = TypeVar("Picture")


@dataclass(frozen=True)
class Claim(Generic[Picture]):
    """Something that may be said of two pictures."""

    type: str
    text: str
    holds: Callable[[Picture, Picture], bool]


@dataclass(frozen=True)
class Statement:
    """A claim made of two pictures of a bundle."""

    type: str
    text: str
    first: int
    second: int
    true: bool


def balanced_statements(
    pictures: Sequence[Picture],
    claims: Callable[[Picture, Picture], Sequence[Claim[Picture]]],
    rounds: int,
    draw: random.Random,
) -> list[Statement]:
    """Pairs of statements with one text, the first true, the second false; at most `rounds` such pairs.

    `claims` gives claims that hold of the two pictures. The false one shares a picture with the true one if it can.
    """
    pairs = list(permutations(range(len(pictures)), 2))
    seen: set[tuple[str, int, int]] = set()
    found: list[Statement] = []
    for _ in range(rounds if pairs else 0):
        true = draw.choice(pairs)
        claim = draw.choice(claims(pictures[true[0]], pictures[true[1]]))
        wrong = [pair for pair in pairs if not claim.holds(pictures[pair[0]], pictures[pair[1]])]
        near = [pair for pair in wrong if set(pair) & set(true)]
        if not wrong:
            continue
        false = draw.choice(near or wrong)
        if {(claim.text, *true), (claim.text, *false)} & seen:
            continue
        seen |= {(claim.text, *true), (claim.text, *false)}
        found += [Statement(claim.type, claim.text, *pair, pair is true) for pair in (true, false)]
    return found


def annotate(statements: Sequence[Statement], fields: Sequence[str]) -> list[Annotation]:
    """Statements as annotations; `fields` are the fields of the pictures that they were made from."""
    return [
        question(
            "two-image-statements",
            statement.type,
            statement.text,
            ["true" if statement.true else "false"],
            [fields[statement.first], fields[statement.second]],
        )
        for statement in statements
    ]
