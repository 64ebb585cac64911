"""What an objective or an evaluator reads of the trunk."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class View:
    """Which states of a row are meant."""

    text: str = "text"
    """Name of the text that goes in."""
    values: Literal["student", "teacher"] = "student"
    """Whose tensors: those that are trained, or their moving average, without gradient and without dropout."""
    media: bool = True
    """Whether prompts made of media join the text."""


@dataclass(frozen=True)
class Need:
    """One thing that is read of each row; what nobody needs is not computed."""

    what: Literal["targets", "beginning", "summary", "states", "media", "pairs"]
    """`targets`: states that predict the target tokens; `beginning`: where decoding begins; `summary`: what heads read;
    `states`: the last states of all stacks; `media`: the tokens of the encoders alone; `pairs`:
    other pairs of texts and media, whatever is then read of them."""
    view: View = View()


EVERYTHING = frozenset(Need(what) for what in ("targets", "beginning", "summary", "states", "media"))
"""Of the plain view; each is computed when it is first asked for."""
