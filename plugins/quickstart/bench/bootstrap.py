"""A bootstrap that draws clusters (Davison and Hinkley 1997, section 3.8): the interval of the mean over tasks."""

import numpy as np
from numpy.typing import NDArray

DRAWS, LEVEL = 2000, 0.95
Table = NDArray[np.float64]


def mean_over_tasks(sums: Table, rows: Table) -> float:
    """The mean over tasks of each task's mean score.

    Args:
        sums: `(clusters, tasks)`, scores added up.
        rows: `(clusters, tasks)`, how many those are.
    """
    return float((sums.sum(0) / rows.sum(0)).mean())


def interval(sums: Table, rows: Table, seed: int = 0) -> tuple[float, float]:
    """Percentiles of `mean_over_tasks` where as many clusters are drawn, with replacement, as there are.

    A draw that leaves a task without any row is made again.
    """
    generator, clusters = np.random.default_rng(seed), len(sums)
    found: list[Table] = []
    while sum(map(len, found)) < DRAWS:
        times = generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=DRAWS)
        drawn = times @ rows
        whole = (drawn > 0).all(1)
        found.append(((times[whole] @ sums) / drawn[whole]).mean(1))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(found)[:DRAWS], [tail, 1 - tail])
    return float(low), float(high)
