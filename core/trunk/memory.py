"""Prompts that join what cross-attention reads."""

from dataclasses import replace

from multigraft.core.interfaces.stack import Insert, joined
from multigraft.core.types.tokens import Tokens


def joined_memory(memory: Tokens | None, insert: Insert, text: Tokens) -> Tokens:
    """A memory with the tokens of an insert behind, which mark what they join; these alone where there was none.

    Args:
        text: what the insert is told is the text.
    """
    made = insert.make(text)
    made = replace(made, states=made.states.to(text.states.dtype))
    if memory is None:
        return made
    if insert.mark is not None:
        memory = replace(memory, states=insert.mark(memory.states).to(memory.states.dtype))
    return joined(memory, made, front=False)
