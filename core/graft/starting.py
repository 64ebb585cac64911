"""Beginning a training from a saved graft: what fits the new graft is taken, the rest of the new one is new."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import no_grad

from multigraft.core.graft.bank import Bank, hash_tensors
from multigraft.core.graft.saving import GraftError, check_tensor, check_trunk, read_facts, read_tensors

_MOST_NAMED = 3


@dataclass(frozen=True)
class Start:
    """What a training takes of a saved graft; tensors by the text of their key, `TASK_SCOPE/SITE_SCOPE/METHOD.PART`."""

    taken: tuple[str, ...]
    new: tuple[str, ...]
    """Tensors of the new graft that have start values of their own."""
    left: tuple[str, ...]
    """Tensors of the saved graft that have no place in the new one."""
    reshaped: tuple[str, ...]
    """Those of `left` whose place is there, in another shape, with both shapes."""

    def facts(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: list(value) for name, value in asdict(self).items()}

    def lines(self) -> list[str]:
        """What was taken, what is new and what was left, in a few lines."""
        counted = {"takes": self.taken, "new": self.new, "left of the saved graft": self.left}
        said = [f"{what}: {_counted(names)}" for what, names in counted.items() if names]
        return [*said, *([f"another shape: {_listed(self.reshaped)}"] if self.reshaped else [])]


def fit(folder: Path, saved: Mapping[str, Sequence[int]], here: Mapping[str, Sequence[int]]) -> Start:
    """What of a saved graft fits a new one, by the shapes of their trained tensors: key and shape must be equal.

    Raises:
        GraftError: nothing does.
    """
    taken = tuple(name for name, shape in here.items() if name in saved and tuple(saved[name]) == tuple(shape))
    left = tuple(name for name in saved if name not in taken)
    reshaped = tuple(f"{name} {tuple(saved[name])}, here {tuple(here[name])}" for name in left if name in here)
    start = Start(taken, tuple(name for name in here if name not in taken), left, reshaped)
    _refuse_nothing(folder, start)
    return start


def would_start(folder: Path, here: Mapping[str, Sequence[int]]) -> Start:
    """What a graft of these shapes would take of a saved one; trunks and frozen tensors are not compared.

    Raises:
        GraftError: no graft, or nothing of it fits.
    """
    listed = read_facts(folder)["tensors"]
    saved = {f"{scope}/{name}": shape for scope, tensors in listed.items() for name, shape in tensors.items()}
    return fit(folder, saved, here)


def start_from(folder: Path, bank: Bank, trunk: Mapping[str, str]) -> Start:
    """Put what fits of a saved graft into an allocated bank.

    Raises:
        GraftError: another trunk, other frozen random tensors, a file that cannot be read, or nothing fits; the bank is
            as it was then.
    """
    facts = read_facts(folder)
    check_trunk(folder, facts["trunk"], trunk)
    _check_frozen(folder, facts, bank)
    stored = read_tensors(folder, facts["tensors"])
    values = {key.text: value for key, value in bank.trained().items()}
    shapes = [{name: tuple(each.shape) for name, each in tensors.items()} for tensors in (stored, values)]
    start = fit(folder, *shapes)
    for name in start.taken:
        check_tensor(folder, name, stored[name], values[name])
    with no_grad():
        for name in start.taken:
            values[name].copy_(stored[name])
    return start


def _refuse_nothing(folder: Path, start: Start) -> None:
    if not start.taken:
        there = "; ".join([_counted(start.left), *([_listed(start.reshaped)] if start.reshaped else [])])
        raise GraftError(
            f"{folder}: nothing of this graft fits the new one, which has {_counted(start.new)} where it has {there}. "
            "Take the adapters, widths and sharing rules of its recipe, or leave out `graft.start`"
        )


def _check_frozen(folder: Path, facts: Mapping[str, Any], bank: Bank) -> None:
    """Trained tensors fit only the random ones that they were trained with."""
    here = {key.text: hash_tensors([value]) for key, value in bank.frozen().items()}
    differing = sorted(name for name, found in facts["frozen"].items() if here.get(name, found) != found)
    if differing:
        raise GraftError(
            f"{folder}: frozen random tensors differ, and what was trained with them would not fit: "
            f"{_listed(differing)}. They come from `train.seed` ({facts['seed']}, here {bank.seed}) and their shapes"
        )


def _counted(names: Iterable[str]) -> str:
    scopes = Counter(name.partition("/")[0] for name in names)
    return f"{sum(scopes.values())} tensors ({', '.join(f'{scope} {count}' for scope, count in scopes.items())})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return "; ".join(names[:_MOST_NAMED]) + more
