"""All pieces of a benchmark, one after the other: rates are searched first; what is kept is not made again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from multigraft import MultigraftError
from multigraft.plugins.quickstart.bench.method_table import Row
from multigraft.plugins.quickstart.bench.piece import TEST, Bench, Piece
from multigraft.plugins.quickstart.bench.training import keep, make_piece, read_piece

Kept = Mapping[str, Any]


def run_all(bench: Bench, rows: Sequence[Row], seeds: Sequence[int], tell: Callable[[str], None]) -> int:
    """Train and score all rows with the first seed, then with the others; returns how many of these failed.

    Args:
        tell: is given a line a piece.

    Raises:
        MultigraftError: a file is damaged, or its piece was made with another recipe; nothing is trained then.
    """
    for row in rows:
        for piece in [*bench.trials(row), *(bench.final(row, row.rates[0], seed) for seed in seeds)]:
            _check_kept(piece)
    runner = _Runner(bench, sum(len(bench.trials(row)) + len(seeds) for row in rows), tell)
    return sum("error" in runner.final(row, seed) for seed in seeds for row in rows)


class _Runner:
    """Makes pieces, and counts them."""

    def __init__(self, bench: Bench, total: int, tell: Callable[[str], None]) -> None:
        self._bench, self._tell = bench, tell
        self._numbers = (f"[{number}/{total}]" for number in range(1, total + 1))
        self._trials: dict[str, list[Kept]] = {}

    def final(self, row: Row, seed: int) -> Kept:
        """The training of a row that is scored on the test split, with the rate whose trial was best."""
        if row.name not in self._trials:
            self._trials[row.name] = [self._kept(piece) for piece in self._bench.trials(row)]
        trials = self._trials[row.name]
        well = [trial for trial in trials if "error" not in trial]
        piece = self._bench.final(row, max(well, key=_mean)["rate"] if well else row.rates[0], seed)
        if trials and not well:
            return self._failed(piece, f"every trial failed, the last one with: {trials[-1]['error']}")
        return self._kept(piece)

    def _kept(self, piece: Piece) -> Kept:
        """What is kept of a piece, made if it is not there."""
        label = f"{next(self._numbers)} {piece}"
        if piece.file.exists():
            kept = read_piece(piece.file)
            again = f"; remove {piece.file} to try again" if "error" in kept else ""
            self._tell(f"{label}: kept, {_outcome(kept)}{again}")
            return kept
        kept = make_piece(piece, label)
        self._tell(f"{label}: {_outcome(kept)}")
        return kept

    def _failed(self, piece: Piece, error: str) -> Kept:
        kept = {**piece.facts(), "error": error, "made_with": piece.made_with()}
        keep(piece, kept)
        self._tell(f"{next(self._numbers)} {piece}: {_outcome(kept)}")
        return kept


def _check_kept(piece: Piece) -> None:
    if not piece.file.exists():
        return
    before, now = read_piece(piece.file)["made_with"], piece.made_with()
    if changed := _differences(before, now, ""):
        raise MultigraftError(
            f"{piece.file} was made with another recipe than today's ({', '.join(changed)}); "
            "remove it, or name another `--folder`"
        )


def _differences(before: Any, now: Any, path: str) -> list[str]:
    if before == now:
        return []
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return [path]
    keys = dict.fromkeys([*before, *now])
    return [name for key in keys for name in _differences(before.get(key), now.get(key), f"{path}.{key}".lstrip("."))]


def _outcome(kept: Kept) -> str:
    if "error" in kept:
        return f"failed: {(kept['error'].splitlines() or [''])[0]}"
    rate = f", rate {kept['rate']:g}" if kept["split"] == TEST else ""
    spent = f"{kept['steps']} steps in {kept['seconds']['train/step']:.0f} s{rate}" if kept["steps"] else "untrained"
    return f"{_mean(kept):.3f} on {kept['split']}, {spent}"


def _mean(kept: Kept) -> float:
    scores: list[float] = [task["score"] for task in kept["tasks"].values()]
    return sum(scores) / len(scores)
