"""Start values that several adapters have."""

from math import sqrt

from multigraft import Initial
from multigraft.init import uniform


def glorot(rows: int, columns: int) -> Initial:
    """Uniform with gain sqrt(2) (Glorot and Bengio 2010, equation 16)."""
    return uniform(sqrt(2) * sqrt(6 / (rows + columns)))
