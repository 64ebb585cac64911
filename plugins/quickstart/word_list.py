"""General English: words of the package wonderwords, and simple sentences made from them."""

import random
from collections.abc import Collection, Mapping, Sequence

_SENTENCES = (
    "the {adjective} {noun} will {verb} the {noun}",
    "a {noun} and a {noun} {verb} together",
    "the {noun} is {adjective} and the {noun} is {adjective}",
    "one picture shows a {noun} and the other a {noun}",
    "the first is a {noun}, the second is a {adjective} {noun}",
    "{verb} the {noun} and then {verb} the {noun}",
    "what is next to the {noun}? a {adjective} {noun}",
    "is the {noun} {adjective}? {yes_no}",
    "there is no {noun} in the picture, but a {noun}",
    "{number} {adjective} {noun}, {number} {noun}",
    "choices: {noun}, {noun}, {noun}, {noun}",
    "it is {yes_no} that they {verb} a {adjective} {noun}",
    "put the {adjective} {noun} next to the {adjective} {noun}",
    "a drawing of a {noun} that can {verb}",
)

_SMALL = {
    "yes_no": ("yes", "no", "true", "false"),
    "number": ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
}

Words = Mapping[str, Sequence[str]]
"""`noun`, `verb` or `adjective` -> words."""


def general_words(left_out: Collection[str] = ()) -> dict[str, list[str]]:
    """Lower-case words of the list by kind, profanity and `left_out` excepted."""
    from wonderwords import RandomWord, filter_profanity

    source, found = RandomWord(), {}
    for kind in ("noun", "verb", "adjective"):
        words = filter_profanity(source.filter(include_categories=[kind]))
        found[kind] = sorted({word.lower() for word in words if word.isalpha()} - set(left_out))
    return found


_READ = {"noun": 240, "adjective": 80}
"""Words of each kind that readings are made of: few enough to be met often."""


def read_words(words: Words) -> dict[str, list[str]]:
    """The words that readings are made of: the shortest of three letters and more, which are one or two tokens."""
    by_length = {kind: sorted((each for each in words[kind] if len(each) > 2), key=len) for kind in _READ}
    return {kind: sorted(each[: _READ[kind]]) for kind, each in by_length.items()}


def sentence(words: Words, draw: random.Random) -> str:
    """A simple sentence of random words; it says nothing true."""
    parts = []
    for part in draw.choice(_SENTENCES).split(" "):
        start, stop = part.find("{"), part.find("}")
        if start >= 0:
            kind = part[start + 1 : stop]
            part = part[:start] + draw.choice(words.get(kind) or _SMALL[kind]) + part[stop + 1 :]
        parts.append(part)
    return " ".join(parts)
