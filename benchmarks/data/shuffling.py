"""How well the stream shuffles, by the shards that are shuffled together: `python benchmarks/data/shuffling.py` writes
shuffling.md beside this file. Nothing is timed.

4,000 samples lie in 8 shards of 500, in the order of their numbers. A random order has a mean step of 1333 between
neighbours, a third of all, a rank correlation of 0 with the order in the shards, and 8 shards in nearly every batch of
64.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from multigraft.core.data.order import Order

SAMPLES, SHARDS, BATCH, EPOCHS = 4000, 8, 64, 10


def numbers(window: int, epoch: int) -> np.ndarray:
    order, size = Order([SAMPLES // SHARDS] * SHARDS, 0, "task", window), SAMPLES // SHARDS
    places = (order.place(epoch * SAMPLES + position) for position in range(SAMPLES))
    return np.array([place.shard * size + place.row for place in places])


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, of two orders of the same numbers."""
    return float(np.corrcoef(np.argsort(one), np.argsort(other))[0, 1])


def main() -> None:
    lines = [
        "| shards shuffled together | mean step | rank correlation with the order in the shards, most of 10 epochs | "
        "with the epoch before | shards in a batch |",
        "|---|---|---|---|---|",
    ]
    for window in (1, 2, 4, 8):
        epochs = [numbers(window, epoch) for epoch in range(EPOCHS)]
        step = np.mean([np.abs(np.diff(each)).mean() for each in epochs])
        own = max(abs(correlation(each, np.arange(SAMPLES))) for each in epochs)
        before = max(abs(correlation(a, b)) for a, b in pairwise(epochs))
        batches = [each[start : start + BATCH] for each in epochs for start in range(0, SAMPLES - BATCH, BATCH)]
        shards = np.mean([len(set((batch // (SAMPLES // SHARDS)).tolist())) for batch in batches])
        lines.append(f"| {window} | {step:.0f} | {own:.3f} | {before:.3f} | {shards:.1f} |")
    text = "\n".join(lines)
    Path(__file__).with_name("shuffling.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
