"""Texts from shards, made fit for error texts, terminals and JSON."""

_LONGEST = 300


def legible(text: str) -> str:
    """The text with unprintable characters and lone surrogates escaped; a long one is cut with a word."""
    more = len(text) - _LONGEST
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text[:_LONGEST])
    return f"{shown}... and {more:,} more characters" if more > 0 else shown
