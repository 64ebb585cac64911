"""Decoding for tasks whose answer is one of a sample's choices."""

from typing import Literal

from multigraft import Decoding


class ChoiceDecoding(Decoding):
    """The most probable choice is the answer."""

    candidates: Literal["none", "choices"] = "choices"
    """`choices` scores each sample's choices; `none` generates freely."""
