"""easy-vqa as bundles: questions, captions, and statements about two pictures."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from multigraft import Annotation
from multigraft.plugins.quickstart.bundle import Bundle, caption, chunks, make_record, question
from multigraft.plugins.quickstart.shapes import Shape, question_type, read_shapes
from multigraft.plugins.quickstart.statements import Claim, annotate, balanced_statements

SOURCE = "easy-vqa"
_VALIDATION = 400
_PICTURES = 10
_ROUNDS = 25


@dataclass(frozen=True)
class _Official:
    """One official split: picture -> questions, file and, where the questions tell it, shape."""

    questions: dict[int, list[tuple[str, str]]]
    paths: dict[int, str]
    shapes: dict[int, Shape]


@cache
def _official(split: str) -> _Official:
    import easy_vqa

    rows = easy_vqa.get_test_questions() if split == "test" else easy_vqa.get_train_questions()
    paths = easy_vqa.get_test_image_paths() if split == "test" else easy_vqa.get_train_image_paths()
    triples = list(zip(*rows, strict=True))
    questions: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for text, answer, picture in triples:
        questions[picture].append((text, answer))
    return _Official(dict(questions), dict(paths), read_shapes(triples))


def pictures(split: str, seed: int) -> list[int]:
    """Pictures of a split in random order; validation is cut from the official training pictures."""
    order = sorted(_official("test" if split == "test" else "train").questions)
    random.Random(f"{SOURCE} {seed}").shuffle(order)
    return {"train": order[_VALIDATION:], "validation": order[:_VALIDATION], "test": order}[split]


def size(split: str, limit: int | None, seed: int) -> int:
    """Number of bundles of a split."""
    return math.ceil(len(pictures(split, seed)[:limit]) / _PICTURES)


def shape_claims(first: Shape, second: Shape) -> list[Claim[Shape]]:
    """Claims that hold of two pictures, one or two of each type."""
    same_shape, same_color = first.shape == second.shape, first.color == second.color
    both = {first, second}
    pair = Claim[Shape](
        "one-and-other",
        f"one picture shows a {first} and the other a {second}",
        lambda a, b: {a, b} == both,
    )
    claims = [
        pair,
        Claim("same-shape", "both pictures show the same shape", lambda a, b: a.shape == b.shape)
        if same_shape
        else Claim("same-shape", "the pictures show different shapes", lambda a, b: a.shape != b.shape),
        Claim("same-colour", "the shapes have the same color", lambda a, b: a.color == b.color)
        if same_color
        else Claim("same-colour", "the shapes have different colors", lambda a, b: a.color != b.color),
        Claim("first", f"the first picture shows a {first.shape}", lambda a, _: a.shape == first.shape),
        Claim("first", f"the first picture shows a {first.color} shape", lambda a, _: a.color == first.color),
        Claim("second", f"the second picture shows a {second.shape}", lambda _, b: b.shape == second.shape),
        Claim("second", f"the second picture shows a {second.color} shape", lambda _, b: b.color == second.color),
    ]
    if not same_shape:
        text = f"exactly one picture shows a {first.shape}"
        claims.append(Claim("exactly-one", text, lambda a, b: (a.shape == first.shape) != (b.shape == first.shape)))
    return claims


def _questions(field: str, asked: Sequence[tuple[str, str]]) -> Iterator[Annotation]:
    for text, answer in asked:
        yield question("visual-question-answering", question_type(text), text, [answer], [field])


def bundles(split: str, limit: int | None, seed: int) -> Iterator[Bundle]:
    """All bundles of a split, of at most `limit` pictures.

    All pictures have their questions; captions and statements are about those whose questions tell shape and colour.
    """
    official = _official("test" if split == "test" else "train")
    for number, chunk in enumerate(chunks(pictures(split, seed)[:limit], _PICTURES)):
        key = f"{SOURCE}-{split}-{number:06d}"
        fields = {f"{place}.png": picture for place, picture in enumerate(chunk)}
        known = {field: official.shapes[picture] for field, picture in fields.items() if picture in official.shapes}
        rows = [row for field, picture in fields.items() for row in _questions(field, official.questions[picture])]
        rows += [caption("image-captioning", "shape", [f"a {shape}"], [field]) for field, shape in known.items()]
        draw = random.Random(f"{key} {seed}")
        rows += annotate(balanced_statements(list(known.values()), shape_claims, _ROUNDS, draw), list(known))
        media = {field: Path(official.paths[picture]).read_bytes() for field, picture in fields.items()}
        yield Bundle(make_record(key, SOURCE, rows), media)
