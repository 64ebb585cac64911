"""The logic of easy-vqa: what its questions ask, and the shape and colour that answer them."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import product

from multigraft import MultigraftError

SHAPES = ("circle", "rectangle", "triangle")
COLORS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")

_NEGATION = re.compile(r"\b(?:no|not)\b")


@dataclass(frozen=True)
class Shape:
    """What an easy-vqa picture shows."""

    shape: str
    color: str

    def __str__(self) -> str:
        return f"{self.color} {self.shape}"


def _named(question: str) -> tuple[str | None, str | None]:
    words = set(re.findall(r"[a-z]+", question))
    shape = next((shape for shape in SHAPES if shape in words), None)
    return shape, next((color for color in COLORS if color in words), None)


@cache
def question_type(question: str) -> str:
    """`shape`, `colour`, or a yes/no kind: `is-shape`, `is-not-shape`, `is-colour`, `is-not-colour`."""
    if question.startswith("what"):
        return "colour" if " color " in question else "shape"
    shape, _ = _named(question)
    negated = "not-" if _NEGATION.search(question) else ""
    return f"is-{negated}{'shape' if shape else 'colour'}"


@cache
def oracle_answer(question: str, shape: str, colour: str) -> str:
    """The answer to an easy-vqa question about a picture with one shape of one colour."""
    kind = question_type(question)
    if kind in ("shape", "colour"):
        return shape if kind == "shape" else colour
    return "yes" if _fits(question, shape, colour) != kind.startswith("is-not-") else "no"


def _fits(question: str, shape: str, colour: str) -> bool:
    named_shape, named_color = _named(question)
    return named_shape in (None, shape) and named_color in (None, colour)


@cache
def _agrees(question: str, answer: str, shape: str, colour: str) -> bool:
    presumes = question_type(question) in ("shape", "colour")
    return oracle_answer(question, shape, colour) == answer and (not presumes or _fits(question, shape, colour))


def read_shapes(rows: Iterable[tuple[str, str, int]]) -> dict[int, Shape]:
    """Picture -> its shape and colour, where its `(question, answer, picture)` rows allow exactly one pair.

    Raises:
        MultigraftError: the answers about a picture contradict each other.
    """
    asked: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for text, answer, picture in rows:
        asked[picture].append((text, answer))
    shapes: dict[int, Shape] = {}
    for picture, pairs in sorted(asked.items()):
        fitting = [
            Shape(shape, color)
            for shape, color in product(SHAPES, COLORS)
            if all(_agrees(text, answer, shape, color) for text, answer in pairs)
        ]
        if not fitting:
            raise MultigraftError(
                f"easy-vqa: the answers about picture {picture} contradict each other; "
                "install the version of the package that the extra `quickstart` names"
            )
        if len(fitting) == 1:
            shapes[picture] = fitting[0]
    return shapes
