"""Splits that a recipe names, and which tasks have them."""

from collections.abc import Iterator

from multigraft.core.recipe.recipe import Recipe

TRAIN, VALIDATION, NONE = "train", "validation", "none"


def final_split(recipe: Recipe) -> str:
    """The split that is scored at the end."""
    return recipe.eval.final_split or recipe.eval.split


def splits_of(recipe: Recipe) -> list[str]:
    """Every split that a task has."""
    return list(dict.fromkeys(split for task in recipe.tasks.values() for split in task.data))


def scorable(recipe: Recipe) -> set[str]:
    """What may be named for scoring: a task's split, `none`, and the default where there are only training data."""
    known = set(splits_of(recipe))
    return known | {NONE} | ({VALIDATION} if known == {TRAIN} else set())


def unscored(recipe: Recipe) -> Iterator[str]:
    """Which tasks will have no score, as they lack a split."""
    for split in dict.fromkeys([recipe.eval.split, final_split(recipe)]):
        lacking = [name for name, task in recipe.tasks.items() if split not in task.data]
        if lacking:
            yield f"without scores, as there is no split {split!r} in `data`: {', '.join(lacking)}"
