"""The official normalisation of VQA answers.

Rules from the VQA evaluation code (https://visualqa.org/evaluation.html): punctuation, then number words, articles and
contractions, word by word.
"""

import re

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_ARTICLES = {"a", "an", "the"}
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {"none": "0"} | {word: str(value) for value, word in enumerate(_NUMBER_WORDS)}
_CONTRACTED = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd've he's
    how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've
    o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
    someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've
    there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's
    what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
    wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've he'd
"""


def _without_one_apostrophe(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at, character in enumerate(word) if character == "'"}


_CONTRACTIONS = {bare: word for word in _CONTRACTED.split() for bare in _without_one_apostrophe(word)}


def normalise(answer: str) -> str:
    """An answer as the official evaluation compares it: `"The 2 cats, and a dog."` becomes `"2 cats and dog"`."""
    words = (_NUMBERS.get(word, word) for word in _strip_punctuation(answer.strip()).lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def _strip_punctuation(text: str) -> str:
    """A mark goes if a space stands beside it somewhere, or a comma in a number; else it becomes a space."""
    number = _COMMA_IN_NUMBER.search(text) is not None
    stripped = text
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        stripped = stripped.replace(mark, "" if number or beside_space else " ")
    return _PERIOD.sub("", stripped)
