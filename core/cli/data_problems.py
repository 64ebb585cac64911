"""What commands for shards say of data that cannot be used."""

from collections import Counter
from collections.abc import Sequence

import click

NO_SHARD = "no shard"
"""The reason of a file that cannot be used as a whole."""


def tell_problems(problems: Sequence[tuple[str, int, str]]) -> None:
    """Say on stderr how many problems there are, by reason, and the first.

    Args:
        problems: reason, how many, and the first of these with its place.
    """
    counts: Counter[str] = Counter()
    for reason, count, _ in problems:
        counts[reason] += count
    if counts:
        told = ", ".join(f"{count:,} x {reason}" for reason, count in counts.most_common())
        verify = "`multigraft data verify` ends with exit code 1 where there are any"
        click.echo(f"problems in the data: {told}; the first: {problems[0][2]}; {verify}", err=True)
