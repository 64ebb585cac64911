"""Making a text short enough: the context goes first, then choices evenly, the question last, the prefix never.

Texts are counted in tokens as they will be read, whole and joined, and cut at the ends of words; within a word only
where not even one whole word fits. So the text that is left is tokenised as any other, and is never over the limit.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from multigraft.core.types.pieces import Piece, PieceKind, joined

CUT_KINDS = ("context", "choices", "question", "target")
"""What of a row may be cut, in the order in which inputs are."""
_WORD = re.compile(r"\s*\S+")
_NAMES: dict[PieceKind, str] = {"context": "context", "choice": "choices", "question": "question"}
Fits = Callable[[Sequence[Piece]], bool]


def fit(pieces: Sequence[Piece], limit: int, count: Callable[[str], int]) -> list[Piece]:
    """The pieces, cut to a limit.

    Args:
        limit: tokens, special ones included.
        count: the tokens of a text, special ones included.
    """

    def fits(tried: Sequence[Piece]) -> bool:
        return count(joined(tried)) <= limit

    kept = list(pieces)
    for step in (_without_context, _choices_of_fewer_words, _without_question, _choices_of_letters, _fewer_choices):
        if fits(kept):
            break
        kept = step(kept, fits)
    return kept


def cut_kinds(before: Sequence[Piece], after: Sequence[Piece]) -> frozenset[str]:
    """Which of `context`, `choices` and `question` lost something."""
    return frozenset(name for kind, name in _NAMES.items() if _of(before, kind) != _of(after, kind))


def _of(pieces: Sequence[Piece], kind: PieceKind) -> list[str]:
    return [piece.text for piece in pieces if piece.kind == kind]


def _without_context(pieces: Sequence[Piece], fits: Fits) -> list[Piece]:
    return _shortened(pieces, "context", fits)


def _without_question(pieces: Sequence[Piece], fits: Fits) -> list[Piece]:
    return _shortened(pieces, "question", fits)


def _shortened(pieces: Sequence[Piece], kind: PieceKind, fits: Fits) -> list[Piece]:
    """The longest beginnings of the pieces of a kind, the last of them cut first; one of which nothing is left goes."""
    kept = list(pieces)
    for place in reversed([number for number, piece in enumerate(kept) if piece.kind == kind]):
        before, piece, behind = kept[:place], kept[place], kept[place + 1 :]

        def with_text(text: str) -> list[Piece]:
            return [*before, *([replace(piece, text=text)] if text else []), *behind]  # noqa: B023 - used at once

        words = _words(piece.text)
        count = _most(len(words) - 1, lambda number: fits(with_text("".join(words[:number]))))  # noqa: B023
        text = "".join(words[:count])
        if not text and words:
            first = words[0]
            text = first[: _most(len(first) - 1, lambda number: fits(with_text(first[:number])))]  # noqa: B023
        kept = with_text(text)
        if fits(kept):
            break
    return kept


def _choices_of_fewer_words(pieces: Sequence[Piece], fits: Fits) -> list[Piece]:
    """Each choice loses as many words from its end, and keeps one at least."""
    words = {number: _words(piece.text) for number, piece in enumerate(pieces) if piece.kind == "choice"}
    longest = max(map(len, words.values()), default=0)

    def losing(lost: int) -> list[Piece]:
        texts = {number: "".join(own[: max(1, len(own) - lost)]) for number, own in words.items() if lost and own}
        return [replace(piece, text=texts.get(number, piece.text)) for number, piece in enumerate(pieces)]

    return losing(max(longest - 1, 0) - _most(max(longest - 1, 0), lambda spared: fits(losing(longest - 1 - spared))))


def _choices_of_letters(pieces: Sequence[Piece], fits: Fits) -> list[Piece]:
    """Each choice is the same number of letters, and one at least."""
    longest = max((len(piece.text) for piece in pieces if piece.kind == "choice"), default=0)

    def of(letters: int) -> list[Piece]:
        return [replace(each, text=each.text[:letters]) if each.kind == "choice" else each for each in pieces]

    return of(max(1, _most(longest, lambda letters: fits(of(letters)))))


def _fewer_choices(pieces: Sequence[Piece], fits: Fits) -> list[Piece]:
    """Where not even a letter of each fits: the last ones go."""
    kept = list(pieces)
    while not fits(kept) and any(piece.kind == "choice" for piece in kept):
        kept.pop(max(number for number, piece in enumerate(kept) if piece.kind == "choice"))
    return kept


def _words(text: str) -> list[str]:
    """Words, each with the space before it; space at the end goes with the last word."""
    words = _WORD.findall(text)
    rest = text[sum(map(len, words)) :]
    return [*words[:-1], words[-1] + rest] if words else [text] * bool(text)


def _most(largest: int, holds: Callable[[int], bool]) -> int:
    """The largest number up to `largest` for which something holds that is lost only once, or 0."""
    low, high = 0, largest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
