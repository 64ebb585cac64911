"""Text infilling of BART (Lewis et al. 2020, section 2.2)."""

import math
import random

MASK = "<mask>"


def infill(words: list[str], masked: float, mean_span: float, draw: random.Random) -> list[str]:
    """Words with spans of about `masked` of them, of Poisson length, each replaced by one `<mask>`."""
    if not words:
        return []
    hidden = max(1, round(masked * len(words)))
    gaps = len(words) - hidden + 1
    spans = _spans(hidden, mean_span, gaps, draw)
    span_at = dict(zip(draw.sample(range(gaps), len(spans)), spans, strict=True))
    kept: list[str] = []
    position = 0
    for gap in range(gaps):
        if gap in span_at:
            kept.append(MASK)
            position += span_at[gap]
        kept += words[position : position + 1]
        position += 1
    return kept


def _spans(hidden: int, mean: float, most: int, draw: random.Random) -> list[int]:
    """At most `most` span lengths that sum to `hidden`; the last is cut or stretched."""
    spans: list[int] = []
    while sum(spans) < hidden:
        rest = hidden - sum(spans)
        spans.append(rest if len(spans) == most - 1 else min(rest, _poisson(mean, draw)))
    return spans


def _poisson(mean: float, draw: random.Random) -> int:
    """A Poisson number by Knuth's method (The Art of Computer Programming, volume 2, section 3.4.1)."""
    count, product = 0, draw.random()
    while product > math.exp(-mean):
        count, product = count + 1, product * draw.random()
    return count
