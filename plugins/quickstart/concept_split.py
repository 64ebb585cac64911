"""Splits of the drawings by concept: near duplicates stay on one side, groups keep their shares."""

import random
from collections import Counter
from collections.abc import Iterable

from multigraft.plugins.quickstart.drawings import Concept, concepts
from multigraft.plugins.quickstart.families import families

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Part of each group's concepts that a split gets."""


def concept_splits(seed: int, among: Iterable[Concept] | None = None) -> dict[str, str]:
    """Name of each concept -> `train`, `validation` or `test`, drawn anew for each seed.

    Families are dealt in random order, the largest first, to the split that lacks most in the family's group.
    """
    known = concepts() if among is None else tuple(among)
    draw = random.Random(f"concepts {seed}")
    todo = families(known)
    draw.shuffle(todo)
    todo.sort(key=len, reverse=True)
    sizes = Counter(concept.group for concept in known)
    filled: Counter[tuple[str, str]] = Counter()
    split_of: dict[str, str] = {}
    for family in todo:
        group = Counter(concept.group for concept in family).most_common(1)[0][0]
        lacking = {split: share * sizes[group] - filled[group, split] for split, share in SHARES.items()}
        fitting = {split: lack for split, lack in lacking.items() if lack > 0} or lacking
        split = draw.choices(list(fitting), [max(lack, 0.01) for lack in fitting.values()])[0]
        if lacking[split] < len(family):
            split = max(lacking, key=lambda name: lacking[name])
        filled[group, split] += len(family)
        split_of.update((concept.name, split) for concept in family)
    return {concept.name: split_of[concept.name] for concept in known}
