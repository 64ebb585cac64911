"""Whether a run may go on: its recipe and its data must be those that it began with."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.spans import spans

if TYPE_CHECKING:
    from multigraft.core.run.run_data import RunData

FREE = (
    "train.steps", "train.epochs", "train.micro_batch", "train.micro_length", "train.shard", "train.checkpoint_every",
    "train.keep", "train.log_every", "eval.*", "loggers", "plugins.*", "search", "search.*",
    "trunk.encoder.weights", "trunk.encoders.*.weights", "trunk.backbone.weights", "trunk.backbone.tokenizer",
    "tasks.*.metrics", "tasks.*.evaluator", "tasks.*.evaluator.*",
    "device", "data.root", "data.make", "data.bad_limit", "data.threads", "data.processes", "data.deadline",
    "data.cache.*", "data.allow_pipes",
)  # fmt: skip
"""Keys that may differ when a run goes on; so may stages that have not begun. Weights may have moved: their
fingerprint is checked."""


def check_recipe_goes_on(saved: Recipe, made: int, recipe: Recipe) -> None:
    """Hold the recipe of a run against the one its checkpoint was made with, after `made` steps.

    Raises:
        MultigraftError: a key differs that decides what is trained, with every such key.
    """
    before, now = (dict(_leaves(each.model_dump(mode="json"))) for each in (saved, recipe))
    free = (*FREE, "train.stages") if _stages_go_on(saved, made, recipe) else FREE
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    differing = [name for name in names if not _is_free(name, free)]
    if differing:
        lines = [f"  {name}: {_shown(before, name)} -> {_shown(now, name)}" for name in differing]
        raise MultigraftError(
            "a run goes on with the recipe that it began with; these keys have changed:\n"
            + "\n".join(lines)
            + "\nPut them back, or begin a new run with `--run`. Free to change: "
            + ", ".join(FREE)
            + (", and stages that have not begun" if saved.train.stages else "")
        )


def check_steps_left(made: int, recipe: Recipe) -> None:
    """Refuse to go on with fewer steps than were made.

    Raises:
        MultigraftError: there are fewer.
    """
    if recipe.train.steps < made:
        raise MultigraftError(f"the run has made {made} steps, and `train.steps` is {recipe.train.steps}")


def data_facts(data: "RunData") -> dict[str, Any]:
    """What of the training data decides the order of samples: annotations of each task, and a hash of its shards."""
    return {
        name: {"annotations": source.size, "shards": _hash(source.contents)}
        for name, source in data.training_sources().items()
    }


def check_data_go_on(saved: Mapping[str, Any], data: "RunData") -> None:
    """Hold the training data of a run against those its checkpoint was made with.

    Raises:
        MultigraftError: they differ.
    """
    now = data_facts(data)
    changed = [name for name in now if saved.get(name) != now[name]]
    if changed:
        raise MultigraftError(
            f"the training data of {', '.join(changed)} are not those that the run began with: "
            f"{dict(saved)}, now {now}; put the shards back, or begin a new run"
        )


def check_pool_goes_on(saved: Sequence[int] | None, made: int, data: "RunData") -> None:
    """Hold the steps that the last samples of a run were dealt out to against those of the recipe now: with others,
    some samples would be drawn twice and others never.

    Raises:
        MultigraftError: they differ.
    """
    now = data.pool(made - 1)
    if now != saved:
        raise MultigraftError(
            f"`train.bucketing` dealt the samples of steps {_steps(saved)} out to these; now it would be steps "
            f"{_steps(now)}; go on with `train.steps` as it was, or make it longer from a multiple of "
            "`train.bucketing.steps`"
        )


def _steps(pool: Sequence[int] | None) -> str:
    return f"{pool[0] + 1:,} to {pool[1]:,}" if pool else "by themselves"


def _hash(texts: Sequence[str]) -> str:
    return blake2b("".join(texts).encode(), digest_size=8).hexdigest()


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every value of a tree of mappings, by its dotted name; a list is a value."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, str(key)))
    else:
        yield ".".join(path), value


def _stages_go_on(saved: Recipe, made: int, recipe: Recipe) -> bool:
    """Whether a run has stages, and those that have begun are there and as they were."""
    begun = sum(span.start < made for span in spans(recipe.train)) if saved.train.stages else 0
    before, now = ([stage.model_dump() for stage in each.train.stages[:begun]] for each in (saved, recipe))
    return begun > 0 and made <= recipe.train.steps and before == now


def _is_free(name: str, free: Sequence[str]) -> bool:
    parts = name.split(".")
    if parts[0] == "tasks" and parts[2:3] == ["data"]:
        return parts[3:4] != ["train"]
    return any(fnmatchcase(name, pattern) for pattern in free)


def _shown(leaves: Mapping[str, Any], name: str) -> str:
    return repr(leaves[name]) if name in leaves else "nothing"
