"""The upper tail of the binomial distribution, which says how surprising a count is."""

import math

_NEGLIGIBLE = 1e-17
"""A term of a sum that is smaller than this share of it ends the sum."""


def upper_tail(count: int, draws: int, share: float) -> float:
    """P(X >= count) for X ~ Binomial(draws, share), summed from the term next to `count` away from the mean."""
    if count <= 0 or share >= 1:
        return 1.0 if count <= draws else 0.0
    if share <= 0 or count > draws:
        return 0.0
    if count > draws * share:
        return _sum_from(count, draws, share, 1)
    return 1.0 - _sum_from(count - 1, draws, share, -1)


def _sum_from(first: int, draws: int, share: float, direction: int) -> float:
    """Sum of the probabilities of `first` and of all counts on its side; each is smaller than the one before."""
    odds = share / (1 - share)
    count, term = first, math.exp(_log_probability(first, draws, share))
    total = 0.0
    while 0 <= count <= draws and term > total * _NEGLIGIBLE:
        total += term
        term *= (draws - count) / (count + 1) * odds if direction > 0 else count / ((draws - count + 1) * odds)
        count += direction
    return total


def _log_probability(count: int, draws: int, share: float) -> float:
    chosen = math.lgamma(draws + 1) - math.lgamma(count + 1) - math.lgamma(draws - count + 1)
    return chosen + count * math.log(share) + (draws - count) * math.log1p(-share)
