"""The nearest known name, for error texts."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

_MOST_NAMES = 12
_MOST_BESIDE = 10_000
_ELSEWHERE = {
    "learning_rate": "train.optimizer.rate",
    "lr": "train.optimizer.rate",
    "max_grad_norm": "train.optimizer.clip",
    "lr_scheduler_type": "train.optimizer.schedule",
    "warmup_ratio": "train.optimizer.warmup",
    "max_steps": "train.steps",
    "batch_size": "train.batch",
    "per_device_train_batch_size": "train.micro_batch",
    "save_steps": "train.checkpoint_every",
    "save_total_limit": "train.keep",
    "logging_steps": "train.log_every",
    "eval_steps": "eval.every",
    "num_beams": "evaluator.beams",
    "max_new_tokens": "evaluator.max_tokens",
    "max_length": "text_limit",
    "target_modules": "sites",
    "modules_to_save": "graft.train",
}
"""What the same thing is called in transformers and peft -> its place here, which may be given from any key on."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest of `known`, and what there is."""
    names = sorted(set(known))
    near = nearest_name(name, names)
    return " ".join([*([f"did you mean {near!r}?"] if near else []), listing(names)])


def nearest_name(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The name most like it, or where that lies which has this name elsewhere; empty if there is none."""
    names = sorted(set(known))
    return _from_elsewhere(name, names) or next(iter(get_close_matches(name, names, n=1, cutoff=cutoff)), "")


def _from_elsewhere(name: str, known: Iterable[str]) -> str:
    path = _ELSEWHERE.get(name, "").split(".")
    return next((".".join(path[start:]) for start, key in enumerate(path) if key in known), "")


def nearest_file(path: Path) -> str:
    """` (did you mean PATH?)`, from what lies beside a path that is not there, or where a link leads; empty if nothing
    is like it, or where so much lies there that comparing takes seconds."""
    try:
        if path.is_symlink():
            return f" (it is a link to {str(path.readlink())!r})"
        names = [each.name for each in islice(path.parent.iterdir(), _MOST_BESIDE + 1)]
    except OSError:
        return ""
    near = nearest_name(path.name, names) if len(names) <= _MOST_BESIDE else ""
    return f" (did you mean {str(path.with_name(near))!r}?)" if near else ""


def listing(names: Iterable[str]) -> str:
    """`known: a, b, c`, shortened when there are many."""
    every = sorted(names)
    if not every:
        return "there are none"
    shown = ", ".join(every[:_MOST_NAMES])
    more = len(every) - _MOST_NAMES
    return f"known: {shown} and {more} more" if more > 0 else f"known: {shown}"
